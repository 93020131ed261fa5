# What an S3 server, and what lies between, can do to a scan: each case ends in
# the right rows or in an error that says what, where and what to do.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('faults');
my $fault_server = start_fault_server();
my $bucket_number = 0;

create_bucket_server($node, 'faulty', $fault_server->endpoint);

# A fresh bucket with objects of two records each, and a table over it
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

sub fresh_bucket
{
	my ($objects, $options) = @_;
	my $bucket = sprintf('bucket-%d', ++$bucket_number);

	foreach my $i (1 .. $objects)
	{
		$fault_server->put($bucket, "in/$i.json", "{\"n\":@{[2 * $i - 1]}}\n{\"n\":@{[2 * $i]}}\n");
	}
	return table_over('faulty', $bucket, $options);
}

my $sum = 'SELECT count(*), sum(n) FROM t';

#
# Faults that a retry mends
#
my $bucket = fresh_bucket(20);
succeeds($node, $sum, '40|820', 'no fault: all rows');
is_deeply([ @{ $fault_server->counters($bucket) }{qw(list get range)} ],
	[ 1, 20, 0 ], 'no fault: one listing, one GET an object');

foreach my $case (
	[ 'SlowDown twice', { fault => 'error', status => 503, code => 'SlowDown', times => 2 } ],
	[ 'InternalError', { fault => 'error', status => 500, code => 'InternalError', times => 2 } ],
	[ '502 with a page of HTML', { fault => 'html', status => 502, times => 2 } ],
	[ 'reset connections', { fault => 'reset', times => 2 } ],
	[ 'closed connections', { fault => 'close', times => 2 } ],
	[ 'half an answer', { fault => 'half', times => 2 } ],
	[ 'half an answer and a reset', { fault => 'reset_body', times => 2 } ],)
{
	my ($name, $fault) = @$case;
	foreach my $op (qw(list get))
	{
		$bucket = fresh_bucket(5);
		$fault_server->fault($bucket, op => $op, %$fault);
		succeeds($node, $sum, '10|55', "$name, op $op: all rows after a retry");
	}
}
$bucket = fresh_bucket(1);
$fault_server->put($bucket, 'in/1.json', join('', map { "{\"n\":$_}\n" } 1 .. 100_000));
$fault_server->fault($bucket, op => 'get', fault => 'half', times => 2);
succeeds($node, $sum, '100000|5000050000', 'half of a long object, twice: all rows');
is($fault_server->counters($bucket)->{range}, 2, 'half of a long object: continues by Range');

#
# Faults that stay
#
foreach my $case (
	[ 'SlowDown for ever', { fault => 'error', status => 503, code => 'SlowDown' }, [ qr/SlowDown/, qr/503/ ] ],
	[ '502 with HTML for ever', { fault => 'html', status => 502 }, [qr/502/] ],
	[ 'reset for ever', { fault => 'reset' }, [qr/reset/i] ],
	[ 'half for ever', { fault => 'half' }, [qr/sent \d+ times/] ],)
{
	my ($name, $fault, $like) = @$case;
	foreach my $op (qw(list get))
	{
		$bucket = fresh_bucket(1);
		$fault_server->fault($bucket, op => $op, %$fault);
		fails($node, $sum, { state => '08006|HV000', like => [ qr/\Q$bucket\E/, @$like ], within => 90 },
			"$name, op $op");
	}
}

foreach my $case (
	[ 'no permission', 403, 'AccessDenied', '42501', [] ],
	[ 'clock skew', 403, 'RequestTimeTooSkewed', '28000', [qr/HINT:.*clock/] ],
	[ 'expired token', 400, 'ExpiredToken', '28000', [qr/HINT:.*user mapping/] ],
	[ 'archived object', 403, 'InvalidObjectState', '55000', [qr/HINT:/] ],
	[ 'an unknown error', 418, 'Teapot', 'HV000', [ qr/418/, qr/short and stout/ ] ],)
{
	my ($name, $status, $code, $state, $like) = @$case;
	foreach my $op (qw(list get))
	{
		$bucket = fresh_bucket(1);
		$fault_server->fault($bucket, op => $op, fault => 'error', status => $status, code => $code,
			message => 'short and stout');
		fails($node, $sum, { state => $state, like => [ qr/\Q$bucket\E/, qr/$code/, @$like ] }, "$name, op $op");
	}
}

$bucket = fresh_bucket(3);
$fault_server->fault($bucket, op => 'list', fault => 'error', status => 301, code => 'PermanentRedirect',
	headers => { 'x-amz-bucket-region' => 'eu-west-3' });
fails($node, $sum, { state => 'HV000', like => [ qr/HINT:.*eu-west-3/, qr/\Q$bucket\E/ ] },
	'a bucket of another region: the error names it');

table_over('faulty', 'no-such-bucket');
fails($node, $sum, { state => '42704', like => [ qr/no-such-bucket/, qr/NoSuchBucket/ ] },
	'no such bucket');

#
# Listings
#
foreach my $case (
	[ 'XML that breaks off', { fault => 'garbage' } ],
	[ 'HTML instead of a listing', { fault => 'html', status => 200 } ],
	[ 'a great lot of HTML', { fault => 'html', status => 200, repeat => 1_000_000 } ],
	[ 'pages without end', { fault => 'endless' } ],
	[ 'the same token again', { fault => 'same_token' } ],
	[ 'truncated, without a token', { fault => 'no_token' } ],)
{
	my ($name, $fault) = @$case;
	$bucket = fresh_bucket(3);
	$fault_server->fault($bucket, op => 'list', %$fault);
	fails($node, $sum, { state => 'HV000', like => [qr/\Q$bucket\E/] }, $name);
}

# 300,000 keys of which the sink layout takes none
$bucket = fresh_bucket(1, q(layout 'sink'));
$fault_server->generate($bucket, count => 300_000, key => 'in/other{:010d}.json', body => '{}');
my $peak = $node->safe_psql(
	'postgres', qq(
	SELECT count(*) FROM t;
	SELECT substring(pg_read_file('/proc/' || pg_backend_pid() || '/status') FROM 'VmHWM:\\s*([0-9]+)')::int / 1024));
like($peak, qr/^0\n/, 'a huge listing: all of it is read');
cmp_ok((split /\n/, $peak)[1], '<', 100, 'a huge listing: memory stays small (MB)');
is($fault_server->counters($bucket)->{list}, 300, 'a huge listing: page by page');

# LIMIT stops fetching
$bucket = fresh_bucket(1);
$fault_server->generate($bucket, count => 1_000_000, key => 'in/{:010d}.json', body => "{\"n\":{}}\n");
succeeds($node, 'SELECT count(*) FROM (SELECT n FROM t LIMIT 10) s', '10', 'LIMIT over a million objects');
cmp_ok($fault_server->counters($bucket)->{get}, '<', 500, 'LIMIT: few objects are fetched');
cmp_ok($fault_server->counters($bucket)->{list}, '<', 20, 'LIMIT: few pages are listed');

#
# Bodies
#
$bucket = fresh_bucket(3);
$fault_server->fault($bucket, op => 'get', key => 'in/2.json', fault => 'replace', times => 1);
fails($node, $sum, { state => '40001', like => [ qr{s3://\Q$bucket\E/in/2\.json}, qr/replaced/, qr/HINT:  Run the query again/ ] },
	'an object replaced between listing and reading');

$bucket = fresh_bucket(1);
$fault_server->put($bucket, 'in/1.json', join('', map { "{\"n\":$_}\n" } 1 .. 100_000));
$fault_server->fault($bucket, op => 'get', fault => 'half', times => 1);
$fault_server->fault($bucket, op => 'get', fault => 'replace', times => 1);
fails($node, $sum, { state => '40001', like => [ qr{s3://\Q$bucket\E/in/1\.json}, qr/replaced/ ] },
	'an object replaced while it is read');

# Of the very size that was listed
$bucket = fresh_bucket(1);
$fault_server->put($bucket, 'in/1.json', sprintf("%-64s\n", '{"n":1}'));
$fault_server->fault($bucket, op => 'get', fault => 'html', status => 200);
fails($node, $sum, { state => '22P02', like => [ qr{s3://\Q$bucket\E/in/1\.json}, qr/line 1\b/ ] },
	'HTML instead of an object: a bad record');

#
# What goes out
#
$bucket = fresh_bucket(200);
$fault_server->fault($bucket, op => 'get', fault => 'latency', ms => 20);
succeeds($node, 'SET pinterest.s3_connections = 8; ' . $sum, '400|80200', 'many requests in flight: all rows');
my $counters = $fault_server->counters($bucket);
cmp_ok($counters->{max_in_flight}, '<=', 8, 'no more in flight than s3_connections');
cmp_ok($counters->{max_in_flight}, '>=', 4, 'but many');
cmp_ok($counters->{connections}, '<=', 9, 'connections are kept');

$bucket = fresh_bucket(3);
my $explain = $node->safe_psql('postgres', "EXPLAIN (VERBOSE) $sum");
$explain .= $node->safe_psql('postgres', "EXPLAIN (VERBOSE, FORMAT JSON) $sum");
is($fault_server->counters($bucket)->{list}, 0, 'EXPLAIN sends nothing');
like($explain, qr{s3://\Q$bucket\E/in/}, 'EXPLAIN shows the location');
$explain .= $node->safe_psql('postgres', "EXPLAIN (ANALYZE, VERBOSE) $sum");
unlike($explain, qr/secretkeytest123/, 'EXPLAIN shows no secret');

#
# Who may
#
fails($node, "LOAD 'pinterest_pipeline'; SET pinterest.s3_connections = 0", { state => '22023' }, 's3_connections has limits');
$node->safe_psql(
	'postgres', q(
	CREATE ROLE reader LOGIN;
	GRANT SELECT ON t TO reader;
	GRANT USAGE ON FOREIGN SERVER faulty TO reader;));
fails($node, "SET ROLE reader; $sum", { state => 'HV00J', like => [qr/has no keys for server/] },
	'no user mapping: the error says so');
$node->safe_psql(
	'postgres', sprintf(q(
	GRANT USAGE ON FOREIGN DATA WRAPPER s3_json TO reader;
	GRANT CREATE ON SCHEMA public TO reader;
	SET ROLE reader;
	CREATE SERVER inside FOREIGN DATA WRAPPER s3_json
		OPTIONS (region 'us-east-1', endpoint '%s', path_style 'true');
	CREATE USER MAPPING FOR reader SERVER inside OPTIONS (access_key_id 'AKIDTEST', secret_access_key 'secretkeytest123');
	CREATE FOREIGN TABLE inside (n int) SERVER inside OPTIONS (location 's3://%s/in/');
	), $fault_server->endpoint, $bucket));
my $gets = $fault_server->counters($bucket)->{list};
fails($node, 'SET ROLE reader; SELECT count(*) FROM inside', { state => '42501', like => [qr/address/] },
	'a private address behind a server that is no superuser\'s');
is($fault_server->counters($bucket)->{list}, $gets, 'nothing was sent there');

#
# A server that checks signatures
#
SKIP:
{
	my $endpoint = start_versitygw();
	skip 'versitygw could not be built here', 1 if !defined $endpoint;
	my $folder = PostgreSQL::Test::Utils::tempdir('odd');
	my @odd = ('a b', 'a+b', 'a%b', 'a%20b', 'a=b&c=d', q(a'b"c), 'ä€😀', 'a;b,c:d@e!$(f)~[g]{h}|^`#?');
	my $n = 0;

	mkdir "$folder/in";
	append_to_file("$folder/in/$_.json", sprintf("{\"n\":%d}\n", ++$n)) foreach @odd;
	put_folder($endpoint, 'signed', $folder);

	create_bucket_server($node, 'signed', $endpoint);
	table_over('signed', 'signed');
	succeeds($node, 'SELECT count(*), sum(n) FROM t', '8|36', 'odd keys: all are read');
	succeeds($node, 'SELECT string_agg(key, E\'\n\' ORDER BY n) FROM t',
		join("\n", map { "s3://signed/in/$_.json" } @odd), 'odd keys: path shows them as they are');

	create_bucket_server($node, 'wrong_secret', $endpoint, secret_access_key => 'not-secretkeytest123');
	table_over('wrong_secret', 'signed');
	fails($node, $sum, { state => '28000', like => [ qr/SignatureDoesNotMatch/, qr/signed/ ] }, 'wrong secret');

	create_bucket_server($node, 'wrong_key', $endpoint, access_key_id => 'AKIDOTHER');
	table_over('wrong_key', 'signed');
	fails($node, $sum, { state => '28000', like => [ qr/InvalidAccessKeyId/, qr/signed/ ] }, 'unknown key');

	create_bucket_server($node, 'wrong_region', $endpoint, region => 'eu-central-1');
	table_over('wrong_region', 'signed');
	fails($node, $sum, { state => 'HV000', like => [ qr/HINT:.*region.*us-east-1/, qr/signed/ ] }, 'wrong region');

	table_over('signed', 'no-such-bucket');
	fails($node, $sum, { state => '42704', like => [ qr/NoSuchBucket/, qr/no-such-bucket/ ] },
		'no such bucket on a real server');
}

$node->stop;
done_testing();
