# INSERT into buckets: what is written is there, what fails is not and leaves no
# upload behind, and whatever lies between the two, memory stays small.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = new_node('write');
my $fault_server = start_fault_server();
my $bucket_number = 0;

create_bucket_server($node, 'faulty', $fault_server->endpoint);
$node->safe_psql('postgres', 'CREATE TABLE plain AS SELECT n, md5(n::text) AS t FROM generate_series(1, 1000) n');

sub table_over
{
	my ($server, $bucket, $options) = @_;

	$node->safe_psql(
		'postgres', qq(
		DROP FOREIGN TABLE IF EXISTS t;
		CREATE FOREIGN TABLE t (n int, t text) SERVER $server
			OPTIONS (location 's3://$bucket/out/'@{[ $options ? ", $options" : '' ]});));
	return $bucket;
}

# An empty bucket that exists, and a table over it
sub fresh_bucket
{
	my ($options) = @_;
	my $bucket = sprintf('bucket-%d', ++$bucket_number);

	$fault_server->put($bucket, 'other', '');
	return table_over('faulty', $bucket, $options);
}

sub counters
{
	return $fault_server->counters($_[0]);
}

my $same = q(
	SELECT count(*) FROM (TABLE plain EXCEPT ALL TABLE t) s UNION ALL
	SELECT count(*) FROM (TABLE t EXCEPT ALL TABLE plain) s);
my $insert = 'INSERT INTO t TABLE plain';

# 27 MB: an object of four parts
my $large = q(INSERT INTO t SELECT n, repeat(md5(n::text), 80) FROM generate_series(1, 10500) n);
my $large_sum = 'SELECT count(*), sum(n), min(length(t)), max(length(t)) FROM t';
my $large_rows = '10500|55130250|2560|2560';

#
# What is sent
#
my $bucket = fresh_bucket();
succeeds($node, "$insert; $same", "0\n0", 'a small object: reads back the same');
is_deeply([ @{ counters($bucket) }{qw(put create)} ], [ 2, 0 ], 'a small object: one PUT');

$bucket = fresh_bucket(q(rows_per_object '10'));
$fault_server->fault($bucket, op => 'put', fault => 'latency', ms => 10);
succeeds($node, "$insert; $same", "0\n0", 'many small objects: read back the same');
is_deeply([ @{ counters($bucket) }{qw(put create get)} ], [ 101, 0, 200 ], 'many small objects: one PUT each');
cmp_ok(counters($bucket)->{max_in_flight}, '>', 1, 'many small objects: several in flight');

$bucket = fresh_bucket();
succeeds($node, "$large; $large_sum", $large_rows, 'a large object: reads back the same');
is_deeply([ @{ counters($bucket) }{qw(put create part complete abort uploads)} ],
	[ 1, 1, 4, 1, 0, 0 ], 'a large object: in parts');

foreach my $compression (qw(gzip zstd))
{
	$bucket = fresh_bucket(qq(compression '$compression'));
	succeeds($node, "$insert; $same", "0\n0", "$compression: reads back the same");
}

$bucket = fresh_bucket();
succeeds($node, 'INSERT INTO t SELECT * FROM plain WHERE false', '', 'no rows');
is(counters($bucket)->{put}, 1, 'no rows: no object');
like($node->safe_psql('postgres', 'EXPLAIN INSERT INTO t VALUES (1)'), qr{Location: s3://\Q$bucket\E/out/},
	'EXPLAIN shows the location');
is(counters($bucket)->{put}, 1, 'EXPLAIN sends nothing');

#
# Faults that a retry mends
#
foreach my $case (
	[ 'SlowDown twice', { fault => 'error', status => 503, code => 'SlowDown', times => 2 } ],
	[ 'reset connections', { fault => 'reset', times => 2 } ],
	[ 'closed connections', { fault => 'close', times => 2 } ],)
{
	my ($name, $fault) = @$case;
	foreach my $op (qw(put create part complete))
	{
		$bucket = fresh_bucket();
		$fault_server->fault($bucket, op => $op, %$fault);
		if ($op eq 'put')
		{
			succeeds($node, "$insert; $same", "0\n0", "$name, op $op: all rows after a retry");
		}
		else
		{
			succeeds($node, "$large; $large_sum", $large_rows, "$name, op $op: all rows after a retry");
			is(counters($bucket)->{uploads}, 0, "$name, op $op: no upload is left");
		}
	}
}
foreach my $op (qw(put part complete))
{
	$bucket = fresh_bucket();
	$fault_server->fault($bucket, op => $op, fault => 'lost', times => 1);
	succeeds($node, $op eq 'put' ? "$insert; $same" : "$large; $large_sum",
		$op eq 'put' ? "0\n0" : $large_rows, "the answer is lost, op $op: all rows, once");
}
foreach my $op (qw(put complete))
{
	$bucket = fresh_bucket();
	$fault_server->fault($bucket, op => $op, fault => 'error', status => 501, code => 'NotImplemented', times => 1);
	succeeds($node, $op eq 'put' ? "$insert; $same" : "$large; $large_sum",
		$op eq 'put' ? "0\n0" : $large_rows, "a service without If-None-Match, op $op");
}
$bucket = fresh_bucket();
$fault_server->fault($bucket, op => 'complete', fault => 'error_in_200', code => 'InternalError', times => 1);
succeeds($node, "$large; $large_sum", $large_rows, 'InternalError with status 200: all rows after a retry');

#
# Faults that stay
#
foreach my $op (qw(put create part complete))
{
	$bucket = fresh_bucket();
	$fault_server->fault($bucket, op => $op, fault => 'error', status => 403, code => 'AccessDenied');
	my $error = fails($node, $op eq 'put' ? $insert : $large,
		{ state => '42501', like => [ qr{s3://\Q$bucket\E/out/}, qr/AccessDenied/, qr/s3:PutObject/ ] }, "no permission, op $op");
	is_deeply([ @{ counters($bucket) }{qw(uploads abort)} ],
		[ 0, $op =~ /part|complete/ ? 1 : 0 ], "no permission, op $op: the upload is aborted");
	succeeds($node, 'SELECT count(*) FROM t', '0', "no permission, op $op: no rows");
}
$bucket = fresh_bucket();
$fault_server->fault($bucket, op => 'complete', fault => 'error_in_200', code => 'EntityTooSmall');
fails($node, $large, { state => 'HV000', like => [qr/EntityTooSmall/] }, 'an error with status 200');
is(counters($bucket)->{uploads}, 0, 'an error with status 200: the upload is aborted');

foreach my $op (qw(put create part complete))
{
	$bucket = fresh_bucket();
	$fault_server->fault($bucket, op => $op, fault => 'html', status => 200);
	fails($node, $op eq 'put' ? $insert : $large, { state => 'HV000', like => [ qr/\Q$bucket\E/, qr/not valid/ ] },
		"HTML instead of an answer, op $op");
}

# What was complete is said, and stays
$bucket = fresh_bucket(q(rows_per_object '100'));
$fault_server->fault($bucket, op => 'put', fault => 'error', status => 403, code => 'AccessDenied', after => 3);
fails($node, "SET pinterest.s3_connections = 1; $insert", { state => '42501', like => [qr{DETAIL:.*AccessDenied.*\n.*3 objects were complete, and stay: "s3://$bucket/out/\S+-000000.json" to "\S+-000002.json"}] },
	'refused in the middle: the detail says what is there');
succeeds($node, 'SELECT count(*), max(n) FROM t', '300|300', 'refused in the middle: that much is there');


# Several in flight: what the detail names as complete is what is there
$bucket = fresh_bucket(q(rows_per_object '100'));
$fault_server->fault($bucket, op => 'put', key => 'out/', fault => 'error', status => 403, code => 'AccessDenied', after => 5, times => 1);
my $told = fails($node, $insert, { state => '42501' }, 'refused while others are in flight');
my ($sure) = $told =~ /(\d+) objects were complete/;
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) / 100 FROM t'), '>=', $sure // 0,
	'refused while others are in flight: what is said to be complete is there');

$bucket = fresh_bucket(q(rows_per_object '100'));
fails($node, 'INSERT INTO t SELECT 1 / (n - 950), t FROM plain',
	{ state => '22012', like => [qr{WARNING:.*rolling back does not undo.*s3://$bucket/out/.*\n.*objects that stay there: \d}] },
	'an error elsewhere: a warning says what is there');
$bucket = fresh_bucket();
fails($node, q(INSERT INTO t SELECT 1 / (n - 10000), repeat(md5(n::text), 80) FROM generate_series(1, 10500) n),
	{ state => '22012' }, 'an error elsewhere, in the middle of parts');
is_deeply([ @{ counters($bucket) }{qw(create uploads abort)} ], [ 1, 0, 1 ], 'an error elsewhere: the upload is aborted');
$bucket = fresh_bucket();
succeeds(
	$node, q(
	DO $$
	BEGIN
		INSERT INTO t SELECT 1 / (n - 10000), repeat(md5(n::text), 80) FROM generate_series(1, 10500) n;
	EXCEPTION WHEN division_by_zero THEN
		INSERT INTO t VALUES (1);
	END $$;
	SELECT count(*) FROM t), '1', 'an error in a subtransaction: it goes on');
is(counters($bucket)->{uploads}, 0, 'an error in a subtransaction: the upload is aborted');
$fault_server->fault($bucket, op => 'abort', fault => 'hang');
fails($node, q(INSERT INTO t SELECT 1 / (n - 10000), repeat(md5(n::text), 80) FROM generate_series(1, 10500) n),
	{ state => '22012', like => [qr/WARNING:.*could not abort the upload/], within => 5 }, 'an abort that hangs: given up, and said');

#
# Cancel
#
foreach my $op (qw(put create part complete))
{
	$bucket = fresh_bucket();
	$fault_server->fault($bucket, op => $op, fault => 'hang');
	my $started = Time::HiRes::time();
	fails($node, "SET statement_timeout = '2s'; " . ($op eq 'put' ? $insert : $large),
		{ state => '57014', within => 4.5, like => $op =~ /put|complete/ ? [qr/DETAIL:.*May be there/] : [] }, "cancelled, op $op hangs");
	is(counters($bucket)->{uploads}, 0, "cancelled, op $op hangs: no upload is left");
}

#
# Memory
#
sub peak_of
{
	my ($sql) = @_;
	return $node->safe_psql('postgres',
		"$sql; SELECT substring(pg_read_file('/proc/' || pg_backend_pid() || '/status') FROM 'VmHWM:\\s*([0-9]+)')::int / 1024");
}
foreach my $case ([ 'lines', '' ], [ 'gzip', q(compression 'gzip') ], [ 'one object', q(rows_per_object '1000000') ])
{
	my ($name, $options) = @$case;
	$bucket = fresh_bucket($options);
	my $peak = peak_of('INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 1000000) n');
	cmp_ok($peak, '<', 110, "a million rows, $name: memory stays small (MB)");
	succeeds($node, 'SELECT count(*), sum(n) FROM t', '1000000|500000500000', "a million rows, $name: all are there");
}

#
# A server that checks signatures
#
SKIP:
{
	my $endpoint = start_versitygw();
	skip 'versitygw could not be built here', 1 if !defined $endpoint;
	my $folder = PostgreSQL::Test::Utils::tempdir('odd');

	append_to_file("$folder/other", '');
	put_folder($endpoint, 'signed', $folder);
	create_bucket_server($node, 'signed', $endpoint);
	$node->safe_psql('postgres', q(
		CREATE FOREIGN TABLE odd (n int, t text) SERVER signed OPTIONS (location 's3://signed/a b+c%d/ä€😀=&', rows_per_object '300')));
	succeeds($node, 'INSERT INTO odd TABLE plain; SELECT count(*), sum(n) FROM odd', '1000|500500', 'odd names, a real server');
	table_over('signed', 'signed');
	succeeds($node, "$insert; $same", "0\n0", 'a small object, a real server');
	table_over('signed', 'signed', q(compression 'none'));
	$node->safe_psql('postgres', q(ALTER FOREIGN TABLE t OPTIONS (SET location 's3://signed/large/')));
	succeeds($node, "$large; $large_sum", $large_rows, 'an object in parts, a real server');
	table_over('signed', 'no-such-bucket');
	fails($node, $insert, { state => '42704', like => [ qr/NoSuchBucket/, qr/no-such-bucket/ ] }, 'no such bucket, a real server');
	fails($node, $large, { state => '42704', like => [ qr/NoSuchBucket/, qr/no-such-bucket/ ] }, 'no such bucket in parts, a real server');
}

$node->stop;
done_testing();
