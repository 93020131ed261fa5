# Parallel scans of buckets: the processes list by turns while they fetch, and share
# the parts of large objects, so that each record is read exactly once.

use strict;
use warnings;

use lib 'test/lib';
use Digest::MD5 qw(md5_hex);
use IO::Compress::Gzip qw(gzip);
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('parallel');
my $fault_server = start_fault_server();
my $number = 0;
my $parallel = q(
	SET max_parallel_workers_per_gather = 2;
	SET parallel_setup_cost = 0;
	SET parallel_tuple_cost = 0;
	SET min_parallel_table_scan_size = 0;);

create_bucket_server($node, 'faulty', $fault_server->endpoint);

# What EXPLAIN ANALYZE counts
sub counted
{
	my ($settings, $query, $what) = @_;
	my $plan = $node->safe_psql('postgres', "$parallel $settings EXPLAIN (ANALYZE, COSTS off, TIMING off) $query");

	return $plan =~ /^ *$what: (\d+)/m ? $1 : "none in $plan";
}

sub make_table
{
	my ($name, $server, $location, $options) = @_;

	$node->safe_psql(
		'postgres', qq(
		DROP FOREIGN TABLE IF EXISTS $name;
		CREATE FOREIGN TABLE $name (n int, pad text, path text OPTIONS (metadata 'path'),
			size int OPTIONS (metadata 'size'), line int OPTIONS (metadata 'line')) SERVER $server
			OPTIONS (location '$location'@{[ $options ? ", $options" : '' ]});));
	return;
}

# A fresh bucket with so many objects of one record
sub fresh_bucket
{
	my ($count) = @_;
	my $bucket = sprintf('parallel-%d', ++$number);

	$fault_server->generate($bucket, count => $count, key => 'in/{:010d}.json', body => "{\"n\":{}}\n");
	make_table('many', 'faulty', "s3://$bucket/in/");
	return $bucket;
}

#
# Listing by turns
#
my $sum = 'SELECT count(*), sum(n) FROM many';
my $bucket = fresh_bucket(4500);
like($node->safe_psql('postgres', "$parallel EXPLAIN $sum"), qr/Parallel Foreign Scan on many/, 'a parallel plan');
succeeds($node, "$parallel $sum", '4500|10122750', 'five pages of objects');
is($fault_server->counters($bucket)->{list}, 5, 'each page is listed once');
is($fault_server->counters($bucket)->{get}, 4500, 'each object is fetched once');
is(counted('', $sum, 'List Requests'), 5, 'EXPLAIN ANALYZE counts the pages of all processes');
is(counted('', $sum, 'Objects'), 4500, 'EXPLAIN ANALYZE counts the objects of all processes');
foreach my $settings ('SET parallel_leader_participation = off;', 'SET pinterest.s3_connections = 1;',
	'SET max_parallel_workers = 0;')
{
	succeeds($node, "$parallel $settings $sum", '4500|10122750', $settings);
}
succeeds($node, "$parallel SELECT count(*) FROM (SELECT n FROM many LIMIT 1700) s", '1700', 'LIMIT');
succeeds($node, "$parallel SELECT count(*) FROM many WHERE path LIKE '%7.json'", '450', 'a filter on what is listed');
is(counted('', "SELECT count(*) FROM many WHERE path LIKE '%7.json'", 'Objects Filtered'), 4050, '... counted');
succeeds($node, "$parallel SELECT n FROM many WHERE path = 's3://$bucket/in/0000000123.json'", '123',
	'one place to list');
succeeds($node, "$parallel SELECT count(*) FROM many WHERE path = 's3://$bucket/out/1.json'", '0', 'no place to list');
succeeds($node, "$parallel SELECT i, (SELECT sum(n) FROM many WHERE n % 3 < i) FROM generate_series(1, 3) i",
	"1|3372750\n2|6747000\n3|10122750", 'rescans');
succeeds($node, "$parallel SELECT count(*) FROM many a JOIN many b USING (n)", '4500', 'a join');

$bucket = fresh_bucket(3000);
$fault_server->fault($bucket, op => 'list', fault => 'await_get', gets => 300, after => 1, times => 1);
succeeds($node, "SET pinterest.request_timeout = '10s'; $parallel $sum", '3000|4498500',
	'objects of the first page are fetched while the second is listed');

# The process whose turn it is waits for an answer that never comes
$bucket = fresh_bucket(3000);
$fault_server->fault($bucket, op => 'list', fault => 'hang', times => 1);
succeeds($node, "$parallel SET pinterest.request_timeout = '60s'; $sum", '3000|4498500', 'a turn that is taken over');
is($fault_server->counters($bucket)->{list}, 4, '... costs one request more');

$bucket = fresh_bucket(3000);
$fault_server->fault($bucket, op => 'list', fault => 'error', status => 403, code => 'AccessDenied', after => 2);
fails($node, "$parallel $sum", { state => '42501', like => [qr/could not list "s3:/] }, 'an error in a turn');

$bucket = fresh_bucket(0);
my ($rc, $out, $err) = $node->psql('postgres', "$parallel $sum");
is($out, '0|', 'no object');
is(() = $err =~ /no object matches/g, 1, '... is told once');

#
# Parts of large objects
#
sub lines
{
	my ($file, $lines, $end) = @_;

	return join($end, map { sprintf('{"n":%d,"pad":"%s"}', 10000 * $file + $_, 'x' x (($_ * 37 + $file) % 1100)) } 1 .. $lines);
}

my $plain = q(format 'lines', compression 'none');
my @files = (
	lines(0, 150, "\n") . "\n",
	lines(1, 150, "\n"),
	lines(2, 150, "\r\n") . "\r\n",
	lines(3, 150, "\n") . "\n" . sprintf('{"n":-1,"pad":"%s"}', 'y' x 50000),
	"\n\n{\"n\":77}\n");

# Lines that do not get much shorter
sub noise
{
	my ($first, $count) = @_;

	return join('', map { my $n = $_; sprintf("{\"n\":%d,\"pad\":\"%s\"}\n", $n, join('', map { md5_hex("$n $_") } 1 .. 16)) }
		$first .. $first + $count - 1);
}

sub zipped
{
	my ($text) = @_;

	gzip(\$text => \my $gzip);
	return $gzip;
}

sub check_parts
{
	my ($server, $location, $name, $options, $rows, $objects, $step) = @_;

	make_table('cut', $server, $location, $options);
	$node->safe_psql('postgres', 'DROP TABLE IF EXISTS plain; CREATE TABLE plain AS SELECT n, pad, path FROM cut');
	is($node->safe_psql('postgres', 'SELECT count(*), sum(n) FROM plain'), $rows, "$name: the rows");
	$node->safe_psql(
		'postgres', q(
		CREATE OR REPLACE FUNCTION same(size int) RETURNS boolean LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM set_config('pinterest.part_size', size::text, true);
			RETURN NOT EXISTS (SELECT n, pad, path FROM cut EXCEPT ALL SELECT n, pad, path FROM plain)
				AND (SELECT count(*) FROM cut) = (SELECT count(*) FROM plain);
		END $$));
	is($node->safe_psql('postgres', "$parallel SELECT string_agg(size::text, ', ') FROM generate_series(1, 45, $step) AS size WHERE NOT same(size)"),
		'', "$name: each line once with every size of parts");
	cmp_ok(counted('SET pinterest.part_size = 8;', 'SELECT sum(n) FROM cut', 'Get Requests'), '>', 30,
		"$name: objects are fetched in parts");
	is(counted('SET pinterest.part_size = 8;', 'SELECT sum(line) FROM cut', 'Get Requests'), $objects,
		"$name: not where lines are counted");
	return;
}

SKIP:
{
	my $endpoint = start_versitygw() // skip('versitygw could not be built', 4);
	my $folder = PostgreSQL::Test::Utils::tempdir('parts');

	foreach my $i (0 .. $#files)
	{
		append_to_file("$folder/f$i.json", $files[$i]);
	}
	create_bucket_server($node, 'gateway', $endpoint);
	put_folder($endpoint, 'parts', $folder);
	check_parts('gateway', 's3://parts/', 'versitygw', $plain, '602|9045376', 5, 1);

	# What is compressed tells it by its first bytes only
	append_to_file("$folder/f1a.json", zipped(noise(100_000, 400)));
	append_to_file("$folder/f3a", zipped(noise(200_000, 200)) . zipped(noise(300_000, 200)));
	append_to_file("$folder/f5.json.gz", zipped(noise(400_000, 300)));
	append_to_file("$folder/f6.gz", noise(500_000, 20));
	put_folder($endpoint, 'mixed', $folder);
	check_parts('gateway', 's3://mixed/', 'compression auto', q(format 'lines'), '1722|279210016', 9, 6);
	is(counted('SET pinterest.part_size = 8;', q(SELECT sum(n) FROM cut WHERE path LIKE '%.gz'), 'Get Requests'), 2,
		'not where the name says that an object is compressed');
	foreach my $setting ('pinterest.s3_connections = 1', 'parallel_leader_participation = off', 'max_parallel_workers = 0')
	{
		succeeds($node, "$parallel SET $setting; SET pinterest.part_size = 8; SELECT count(*), sum(n) FROM cut",
			'1722|279210016', "compression auto: $setting");
	}
}

# A fresh bucket with one object in parts of 64 kB
sub large_object
{
	my $bucket = sprintf('parallel-%d', ++$number);

	$fault_server->put($bucket, 'in/1.json', lines(0, 5000, "\n"));
	make_table('cut', 'faulty', "s3://$bucket/in/", $plain);
	return $bucket;
}
my $small_parts = "$parallel SET pinterest.part_size = 64;";
my $sum_cut = 'SELECT count(*), sum(n) FROM cut';

large_object();
succeeds($node, "$small_parts $sum_cut", '5000|12502500', 'a large object in parts');
foreach my $fault (qw(half reset close chunked))
{
	$bucket = large_object();
	$fault_server->fault($bucket, op => 'get', fault => $fault, after => 3, times => 2);
	succeeds($node, "$small_parts $sum_cut", '5000|12502500', "parts that break off: $fault");
}
$bucket = large_object();
$fault_server->fault($bucket, op => 'get', fault => 'replace', after => 5, times => 1);
fails($node, "$small_parts $sum_cut", { state => '40001', like => [qr/replaced/] }, 'an object replaced between two parts');
$bucket = large_object();
$fault_server->fault($bucket, op => 'get', fault => 'ignore_range', after => 3);
fails($node, "$small_parts $sum_cut", { state => 'HV000', like => [qr/where a part was asked for/] },
	'a service that ignores Range');
foreach my $fault (qw(no_etag weak_etag))
{
	$bucket = large_object();
	$fault_server->fault($bucket, op => 'list', fault => $fault);
	succeeds($node, "$small_parts $sum_cut", '5000|12502500', "$fault in the listing");
	is($fault_server->counters($bucket)->{get}, 1, '... leaves the object in one');
}

done_testing();
