# What HTTP and the S3 API allow a server to do, and what servers do that they do
# not allow: ranges, versions, time, connections, names, and several scans at once.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('protocol');
my $fault_server = start_fault_server();
my $endpoint = $fault_server->endpoint;
my $number = 0;
my $sum = 'SELECT count(*), sum(n) FROM t';

create_bucket_server($node, 'faulty', $endpoint);

sub table_over
{
	my ($server, $bucket, $options) = @_;

	$node->safe_psql(
		'postgres', qq(
		DROP FOREIGN TABLE IF EXISTS t;
		CREATE FOREIGN TABLE t (n int, key text OPTIONS (metadata 'path')) SERVER $server
			OPTIONS (location 's3://$bucket/in/'@{[ $options ? ", $options" : '' ]});));
	return $bucket;
}

# A fresh bucket with objects of so many records each
sub fresh_bucket
{
	my ($objects, $records, $options) = @_;
	my $bucket = sprintf('protocol-%d', ++$number);

	foreach my $i (1 .. $objects)
	{
		$fault_server->put($bucket, "in/$i.json",
			join('', map { "{\"n\":$_}\n" } ($i - 1) * $records + 1 .. $i * $records));
	}
	return table_over('faulty', $bucket, $options);
}

#
# Ranges
#
my $bucket = fresh_bucket(1, 100_000);
$fault_server->fault($bucket, op => 'get', fault => 'half', times => 1);
$fault_server->fault($bucket, op => 'get', fault => 'ignore_range', times => 1);
succeeds($node, $sum, '100000|5000050000', 'a server that ignores Range: no record twice');

$bucket = fresh_bucket(1, 100_000);
$fault_server->fault($bucket, op => 'get', fault => 'half', times => 1);
$fault_server->fault($bucket, op => 'get', fault => 'wrong_range', times => 1);
fails($node, $sum, { state => 'HV000', like => [ qr{s3://\Q$bucket\E/in/1\.json}, qr/another part/ ] },
	'another part than was asked for');

# What starts over makes no headway, however much of it comes
$bucket = fresh_bucket(1, 1);
$fault_server->generate($bucket, count => 1000, key => 'in/{:010d}.json', body => "{\"n\":{}}\n");
$fault_server->fault($bucket, op => 'list', fault => 'half');
fails($node, "SET pinterest.max_retries = 2; $sum", { state => '08006', like => [qr/sent 3 times/], within => 20 },
	'half of a long listing for ever');

# A gzip stream goes on in the middle
my $folder = PostgreSQL::Test::Utils::tempdir('gzip');
append_to_file("$folder/1.json", join('', map { "{\"n\":$_,\"x\":\"@{[ rand() ]}\"}\n" } 1 .. 100_000));
system_or_bail('gzip', "$folder/1.json");
$bucket = fresh_bucket(0);
$fault_server->put($bucket, 'in/1.json.gz', slurp_file("$folder/1.json.gz"));
$fault_server->fault($bucket, op => 'get', fault => 'half', times => 1);
$fault_server->fault($bucket, op => 'get', fault => 'half', times => 1);
succeeds($node, $sum, '100000|5000050000', 'a gzip object that breaks off twice: continues by Range');
is($fault_server->counters($bucket)->{range}, 2, 'a gzip object that breaks off twice: two parts more');

#
# Bodies and answers
#
foreach my $case (
	[ 'chunks', { fault => 'chunked' } ],
	[ 'an answer 103 before the real one', { fault => 'early_hints' } ],)
{
	my ($name, $fault) = @$case;

	foreach my $op (qw(list get))
	{
		$bucket = fresh_bucket(3, 10_000);
		$fault_server->fault($bucket, op => $op, %$fault);
		succeeds($node, $sum, '30000|450015000', "$name, op $op");
	}
}
foreach my $kind (qw(no_etag weak_etag bare_etag))
{
	foreach my $op (qw(list get any))
	{
		$bucket = fresh_bucket(3, 10);
		$fault_server->fault($bucket, op => $op, fault => $kind);
		succeeds($node, $sum, '30|465', "$kind, op $op");
	}
}
foreach my $kind (qw(weak_etag bare_etag))
{
	$bucket = fresh_bucket(3, 10);
	$fault_server->fault($bucket, op => 'list', fault => $kind);
	$fault_server->fault($bucket, op => 'get', key => 'in/2.json', fault => 'replace', times => 1);
	fails($node, $sum, { state => '40001', like => [ qr{s3://\Q$bucket\E/in/2\.json}, qr/replaced/ ] },
		"$kind: an object replaced after it was listed");
}

$bucket = fresh_bucket(1, 1000);
$fault_server->fault($bucket, op => 'get', fault => 'endless_body');
fails($node, $sum, { state => '40001', like => [ qr{s3://\Q$bucket\E/in/1\.json}, qr/longer/ ], within => 10 },
	'an object without end');
foreach my $status (200, 404)
{
	$bucket = fresh_bucket(1, 1);
	$fault_server->fault($bucket, op => 'list', fault => 'endless_html', status => $status);
	fails($node, $sum, { state => 'HV000|42704', like => [ qr/\Q$bucket\E/ ], within => 20 },
		"a page of HTML without end instead of a listing, status $status");
}

#
# Time
#
foreach my $seconds (-86_400, 7200)
{
	$bucket = fresh_bucket(20, 1);
	$fault_server->fault($bucket, fault => 'skew', seconds => $seconds);
	succeeds($node, $sum, '20|210', "a service whose clock is $seconds s ahead");
	is($fault_server->counters($bucket)->{list}, 2, "a service whose clock is $seconds s ahead: learnt once");
}

$bucket = fresh_bucket(1, 1);
$fault_server->fault($bucket, fault => 'error', status => 503, code => 'SlowDown', times => 1,
	headers => { 'Retry-After' => '2' });
cmp_ok(elapsed_of { succeeds($node, $sum, '1|1', 'Retry-After: the query ends well') },
	'>=', 2, 'Retry-After: it waits');

# Hours are cut to seconds, and numbers beyond all limits are no reason to hurry
foreach my $after ('86400', '9223372036854775807', '99999999999999999999999', 'Fri, 31 Dec 9999 23:59:59 GMT')
{
	$bucket = fresh_bucket(1, 1);
	$fault_server->fault($bucket, op => 'list', fault => 'error', status => 503, code => 'SlowDown', times => 1,
		headers => { 'Retry-After' => $after });
	fails($node, "SET statement_timeout = '1.5s'; $sum", { state => '57014', within => 3 }, "Retry-After: $after");
}
foreach my $after ('-1', 'soon', '')
{
	$bucket = fresh_bucket(1, 1);
	$fault_server->fault($bucket, op => 'list', fault => 'error', status => 503, code => 'SlowDown', times => 1,
		headers => { 'Retry-After' => $after });
	succeeds($node, $sum, '1|1', "Retry-After: '$after'");
}

#
# Connections
#
# The server closes an idle connection while the next statement is on its way
$bucket = fresh_bucket(1, 10);
$fault_server->fault($bucket, op => 'get', fault => 'drop');
succeeds($node, "SET pinterest.max_retries = 0; $sum; SELECT pg_sleep(0.3); $sum; $sum",
	"10|55\n\n10|55\n10|55", 'idle connections closed by the server, without retries');

# A cursor rests until the server loses patience
$bucket = fresh_bucket(3, 200_000);
$fault_server->fault($bucket, op => 'get', fault => 'cut', ms => 500, times => 3);
succeeds($node, "SET pinterest.max_retries = 0; BEGIN; DECLARE c CURSOR FOR SELECT n FROM t;
	MOVE FORWARD 1 FROM c; SELECT pg_sleep(2); MOVE FORWARD 599998 FROM c; FETCH 5 FROM c",
	"\n600000", 'a cursor that rests while the server closes the connections');
is($fault_server->counters($bucket)->{range}, 3, 'a cursor that rests: the objects are continued');

foreach my $op (qw(list get))
{
	$bucket = fresh_bucket(1, 10);
	$fault_server->fault($bucket, op => $op, fault => 'reset');
	fails($node, "SET pinterest.max_retries = 0; $sum", { state => '08006', like => [qr/\Q$bucket\E/], within => 5 },
		"max_retries 0, op $op: the first failure is the last");
}

$bucket = fresh_bucket(1, 10);
$fault_server->fault($bucket, op => 'get', fault => 'hang');
fails($node, "SET pinterest.max_retries = 1; SET pinterest.request_timeout = '100ms'; $sum",
	{ state => '08006', like => [ qr/100 ms/, qr/sent 2 times/ ], within => 5 }, 'a short request_timeout');

#
# Several scans at once
#
$bucket = fresh_bucket(50, 1000);
succeeds($node, 'SELECT count(*), sum(a.n) FROM t a JOIN t b USING (n)', '50000|1250025000', 'a join of a table with itself');
succeeds($node, 'SET enable_hashjoin = off; SELECT count(*), sum(a.n) FROM t a JOIN t b USING (n)',
	'50000|1250025000', 'a merge join of a table with itself');
$bucket = fresh_bucket(20, 10);
succeeds($node, 'SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;
	SELECT count(*) FROM t a JOIN t b ON a.n = b.n AND a.n <= 20', '20', 'a scan that starts over again and again');
succeeds($node, 'SELECT count(*) FROM generate_series(1, 30) i, LATERAL (SELECT n FROM t WHERE n > i LIMIT 1) s',
	'30', 'scans that stop early, again and again');

# Connections are kept, but not hundreds
$bucket = fresh_bucket(1, 1);
$fault_server->generate($bucket, count => 2000, key => 'in/{:010d}.json', body => "{\"n\":{}}\n");
$fault_server->fault($bucket, op => 'get', fault => 'latency', ms => 200);
succeeds($node, "SET pinterest.s3_connections = 512; $sum;
	SELECT count(*) BETWEEN 1 AND 150 FROM pg_ls_dir('/proc/self/fd')", "2000|1999000\nt",
	'hundreds of connections: they are given back');
cmp_ok($fault_server->counters($bucket)->{max_in_flight}, '>', 200, 'hundreds of connections were used');

# A scan that has ended needs no connections
$bucket = fresh_bucket(100, 1);
succeeds($node, 'SELECT count(*) FROM (' . join(' UNION ALL ', ('SELECT n FROM t') x 12) . ') s',
	'1200', 'more scans in one query than there are connections for');

# What moves one scan on moves the other as well; neither waits for what is there
$bucket = fresh_bucket(200, 1);
my $elapsed = elapsed_of
{
	succeeds($node, q(SET pinterest.s3_connections = 4;
		DO $$ DECLARE a refcursor; b refcursor; r record; BEGIN
			OPEN a FOR SELECT n FROM t;
			OPEN b FOR SELECT n FROM t;
			FOR i IN 1 .. 201 LOOP
				FETCH a INTO r;
				FETCH b INTO r;
			END LOOP;
			ASSERT r IS NULL;
		END $$), '', 'two cursors in turns');
};
cmp_ok($elapsed, '<', 5, 'two cursors in turns: neither waits in vain');
note("two cursors in turns: $elapsed s");

# What an error interrupts is not in the way of what comes next
$bucket = fresh_bucket(50, 1000);
succeeds($node, q(
	DO $$ DECLARE i int; m int; BEGIN
		FOR i IN 1 .. 20 LOOP
			BEGIN
				SELECT sum(1 / (n - 500)) INTO m FROM t;
			EXCEPTION WHEN division_by_zero THEN NULL;
			END;
		END LOOP;
	END $$;) . $sum, '50000|1250025000', 'scans interrupted by errors, then a whole one');
cmp_ok($fault_server->counters($bucket)->{in_flight}, '==', 0, 'nothing is left in flight');

#
# Names and keys
#
$bucket = fresh_bucket(5, 1);
(my $by_name = $endpoint) =~ s/127\.0\.0\.1/localhost/;
create_bucket_server($node, 'virtual', $by_name, path_style => 'false');
table_over('virtual', $bucket);
succeeds($node, $sum, '5|15', 'the bucket is in the host name');
like($fault_server->headers($bucket)->{host}, qr/^\Q$bucket\E\.localhost:/, 'the bucket is in the host name: Host');

create_bucket_server($node, 'temporary', $endpoint, session_token => 'IQoJb3JpZ2luX2VjEXAMPLE/+=');
table_over('temporary', $bucket);
succeeds($node, $sum, '5|15', 'a session token');
is($fault_server->headers($bucket)->{'x-amz-security-token'}, 'IQoJb3JpZ2luX2VjEXAMPLE/+=', 'a session token is sent');
like($fault_server->headers($bucket)->{authorization}, qr/SignedHeaders=[^,]*;x-amz-security-token[,;]/,
	'a session token is signed');

$bucket = fresh_bucket(1, 1);
table_over('temporary', $bucket);
$fault_server->fault($bucket, fault => 'echo', op => 'list');
unlike(fails($node, $sum, { state => 'HV000', like => [qr/\Q$bucket\E/] }, 'a server that sends headers back'),
	qr/IQoJ|AKIDTEST/, 'a server that sends headers back: no token, no key');

#
# TLS
#
system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
	'-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
	'-keyout', "$folder/key.pem", '-out', "$folder/certificate.pem");
my $tls_server = start_fault_server('--tls', "$folder/certificate.pem", "$folder/key.pem");
append_to_file("$folder/1.json", "{\"n\":1}\n");
system_or_bail('curl', '-s', '-k', '-T', "$folder/1.json", $tls_server->endpoint . '/secure/in/1.json');
create_bucket_server($node, 'tls', $tls_server->endpoint);
table_over('tls', 'secure');
fails($node, $sum, { state => 'HV00N', like => [ qr/certificate/i, qr/HINT:.*trusts the authority/ ], within => 10 },
	'a certificate nobody vouches for');

table_over('faulty', $bucket);
$node->stop;
done_testing();
