# INSERT into the folders of a sink in buckets: what is sent, what happens when
# somebody else writes to the same partition, and what a failure leaves.  What is
# written is, byte for byte, what the sink writes.

use strict;
use warnings;

use lib 'test/lib';
use IPC::Run;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('write_sink');
my $fault_server = start_fault_server();
my $bucket_number = 0;

create_bucket_server($node, 'faulty', $fault_server->endpoint);
$node->safe_psql('postgres', 'CREATE TABLE plain AS SELECT n, md5(n::text) AS t FROM generate_series(0, 999) n');

sub table_over
{
	my ($server, $place, $options) = @_;

	$node->safe_psql(
		'postgres', qq(
		DROP FOREIGN TABLE IF EXISTS t;
		CREATE FOREIGN TABLE t (n int, t text, topic text OPTIONS (metadata 'topic'), p int OPTIONS (metadata 'partition'),
			o bigint OPTIONS (metadata 'offset')) SERVER $server
			OPTIONS (location '$place/topics/*/partition=*/', layout 'sink'@{[ $options ? ", $options" : '' ]});));
	return;
}

sub fresh_bucket
{
	my ($options) = @_;
	my $bucket = sprintf('bucket-%d', ++$bucket_number);

	$fault_server->put($bucket, 'other', '');
	table_over('faulty', "s3://$bucket", $options);
	return $bucket;
}

sub counters { return $fault_server->counters($_[0]); }

my $insert = q(INSERT INTO t SELECT n, t, 'one' FROM plain);
my $offsets = 'SELECT topic, p, count(*), count(DISTINCT o), min(o), max(o) FROM t GROUP BY 1, 2 ORDER BY 1, 2';

#
# What is sent
#
my $bucket = fresh_bucket();
succeeds($node, "$insert; $offsets", 'one|0|1000|1000|0|999', 'one object');
is_deeply([ @{ counters($bucket) }{qw(put list get head)} ], [ 2, 2, 1, 0 ], 'one object: one LIST and one PUT to write it');
succeeds($node, "$insert; $offsets", 'one|0|2000|2000|0|1999', 'another one');
is_deeply([ @{ counters($bucket) }{qw(put list get)} ], [ 3, 5, 4 ], 'another one: two LISTs and a GET to find the end');
succeeds($node, q(SELECT count(*) FROM plain JOIN t USING (n, t) WHERE o IN (n, n + 1000)), '2000', 'each row at its offset');

$bucket = fresh_bucket(q(rows_per_object '100', compression 'gzip'));
succeeds($node, "INSERT INTO t SELECT n, t, 'topic.' || n % 2, n % 3 FROM plain; $offsets",
	$node->safe_psql('postgres', q(SELECT 'topic.' || n % 2, n % 3, count(*), count(*), 0, count(*) - 1 FROM plain GROUP BY 1, 2 ORDER BY 1, 2)),
	'six partitions');
is(counters($bucket)->{put}, 13, 'six partitions: two objects each');

# Larger than one request
$bucket = fresh_bucket();
succeeds($node, qq(INSERT INTO t SELECT n, repeat(t, 800), 'one' FROM plain; $offsets), 'one|0|1000|1000|0|999', 'a large object');
is_deeply([ @{ counters($bucket) }{qw(create part complete uploads)} ], [ 1, 4, 1, 0 ], 'a large object: in parts');

# More partitions than memory has room for at a time
$bucket = fresh_bucket();
my $peak = $node->safe_psql(
	'postgres', q(
	INSERT INTO t SELECT n, repeat(md5(n::text), 30), 'many', n % 300 FROM generate_series(0, 59999) n;
	SELECT substring(pg_read_file('/proc/' || pg_backend_pid() || '/status') FROM 'VmHWM:\s*([0-9]+)')::int / 1024));
cmp_ok($peak, '<', 160, 'many partitions: memory stays small (MB)');
succeeds($node, 'SELECT count(*), count(DISTINCT p), bool_and(n = o * 300 + p) FROM t', '60000|300|t', 'many partitions: all rows, at their offsets');
cmp_ok(counters($bucket)->{put}, '<', 1 + 300 * 4, 'many partitions: few objects each');

#
# Somebody else writes to the same partition
#
foreach my $case ([ 'put', '' ], [ 'complete', 'repeat(t, 800)' ])
{
	my ($op, $large) = @$case;
	my $rows = $large ? qq(INSERT INTO t SELECT n, $large, 'one' FROM plain) : $insert;

	$bucket = fresh_bucket();
	$fault_server->fault($bucket, op => $op, fault => 'lost', times => 1);
	succeeds($node, "$rows; $offsets", 'one|0|1000|1000|0|999', "op $op: the answer is lost: all rows, once");

	# The same size, but not ours
	$bucket = fresh_bucket();
	$fault_server->fault($bucket, op => $op, fault => 'error', status => 412, code => 'PreconditionFailed');
	fails($node, $rows, { state => '40001', like => [ qr{an object of that name already exists}, qr{topics/one/partition=0/one\+0\+0000000000.json} ] },
		"op $op: the name is taken");
	is(counters($bucket)->{uploads}, 0, "op $op: the name is taken: no upload is left");

	# Nothing can be promised then
	$bucket = fresh_bucket();
	$fault_server->fault($bucket, op => $op, fault => 'error', status => 501, code => 'NotImplemented');
	fails($node, $rows, { state => '\w+', like => [qr/NotImplemented/] }, "op $op: a service without If-None-Match");
	succeeds($node, 'SELECT count(*) FROM t', '0', "op $op: a service without If-None-Match: nothing is written");
}

# Within a partition no object is begun before the one ahead of it is there
$bucket = fresh_bucket(q(rows_per_object '100'));
$fault_server->fault($bucket, op => 'put', fault => 'latency', ms => 20);
$node->safe_psql('postgres', $insert);
is_deeply([ @{ counters($bucket) }{qw(put max_in_flight)} ], [ 11, 1 ], 'objects one behind the other');

# Many at once: each succeeds or is told, and no offset is given twice
$bucket = fresh_bucket(q(rows_per_object '7'));
$fault_server->fault($bucket, op => 'put', fault => 'latency', ms => 5);
my $statements = "INSERT INTO t SELECT n, 'x', 'one', n % 2 FROM generate_series(1, 100) n;\n" x 3;
my @told = ('') x 4;
my @sessions = map {
	IPC::Run::start([ 'psql', '-Xq', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr('postgres') ], '<', \$statements, '>', \my $out, '2>', \$told[$_])
} 0 .. 3;
$_->finish foreach @sessions;
is(join('', map { grep { !/ERROR:  40001$/ } /ERROR:.*/g } @told), '', 'many at once: who has to give way is told so');
succeeds($node, 'SELECT count(*) > 100, count(*) = count(DISTINCT (p, o)) FROM t', 't|t', 'many at once: no offset is given twice');

#
# Failures
#
$bucket = fresh_bucket(q(rows_per_object '100'));
$fault_server->fault($bucket, op => 'put', fault => 'error', status => 403, code => 'AccessDenied', after => 3);
fails($node, $insert, { state => '42501', like => [qr{DETAIL:.*AccessDenied.*\n.*3 objects were complete, and stay: "s3://$bucket/\S+\+0000000000.json" to "s3://$bucket/\S+\+0000000200.json"}] },
	'refused in the middle: the detail says what is there');
succeeds($node, "$offsets", 'one|0|300|300|0|299', 'refused in the middle: that much is there');
$fault_server->fault($bucket, op => 'get', fault => 'error', status => 403, code => 'AccessDenied');
fails($node, $insert, { state => '42501', like => [qr{counting the records of object "s3://$bucket/topics/one/partition=0/one\+0\+0000000200.json"}] },
	'the end of the partition cannot be read');
$bucket = fresh_bucket();
$fault_server->fault($bucket, op => 'list', fault => 'hang');
fails($node, "SET statement_timeout = '500ms'; $insert", { state => '57014', within => 2.5 }, 'cancelled while it looks for the end');
is(counters($bucket)->{put}, 1, 'cancelled while it looks for the end: nothing is written');

#
# A server that checks signatures, and the server's own files
#
sub sink_and_insert
{
	my ($name) = @_;

	$node->safe_psql('postgres', q(INSERT INTO t SELECT n, t, 'copy', n % 2 FROM plain WHERE n < 40));
	is($node->safe_psql('postgres', $offsets), "copy|0|20|20|0|19\ncopy|1|20|20|0|19", "$name: one object a record");
	$node->safe_psql('postgres', q(INSERT INTO t (n, topic, o) SELECT n, 'copy', 1000 + n FROM plain WHERE n < 3));
	is($node->safe_psql('postgres', q(SELECT string_agg(o::text, ' ' ORDER BY o) FROM t WHERE p = 0 AND o > 18)), '19 1000 1001 1002', "$name: behind a gap");
	$node->safe_psql('postgres', q(INSERT INTO t SELECT n, t, 'sink' FROM plain WHERE n < 40));
	return;
}
my $written = PostgreSQL::Test::Utils::tempdir('written');
my $sink = PostgreSQL::Test::Utils::tempdir('sink');
mkdir "$written/topics" or die;
table_over('faulty', "file://$written", q(rows_per_object '1'));
sink_and_insert('files');
write_sink($node, $sink, 'sink', 'SELECT row_to_json(plain) FROM plain WHERE n < 40 ORDER BY n');
is(scalar(qx(diff -r $sink/topics/sink $written/topics/sink && echo same)), "same\n", 'files: byte for byte what the sink writes');

SKIP:
{
	my $endpoint = start_versitygw();
	skip 'versitygw could not be built here', 1 if !defined $endpoint;
	my $folder = PostgreSQL::Test::Utils::tempdir('other');

	append_to_file("$folder/other", '');
	put_folder($endpoint, 'signed', $folder);
	create_bucket_server($node, 'signed', $endpoint);
	table_over('signed', 's3://signed', q(rows_per_object '1'));
	sink_and_insert('a real server');
	table_over('signed', 's3://signed');
	succeeds($node, qq(INSERT INTO t SELECT n, repeat(t, 800), 'large' FROM plain;
		$insert; $insert; INSERT INTO t SELECT n, 'behind', 'large' FROM plain;
		SELECT topic, count(*), count(DISTINCT o), max(o) FROM t WHERE topic IN ('one', 'large') GROUP BY 1 ORDER BY 1),
		"large|2000|2000|1999\none|2000|2000|1999", 'a real server: in parts, and behind them');
}

$node->stop;
done_testing();
