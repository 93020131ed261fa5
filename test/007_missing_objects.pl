# Objects that are removed after they have been listed: an error, or left out and
# counted, as option missing_objects says.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('missing');
my $fault_server = start_fault_server();
my $number = 0;

create_bucket_server($node, 'faulty', $fault_server->endpoint);
$node->safe_psql('postgres', 'CREATE SERVER files FOREIGN DATA WRAPPER s3_json');

my $skip = q(missing_objects 'skip');
my $sum = 'SELECT count(*), sum(n) FROM t';

sub table_over
{
	my ($server, $location, $options) = @_;

	$node->safe_psql(
		'postgres', qq(
		DROP FOREIGN TABLE IF EXISTS t;
		CREATE FOREIGN TABLE t (n int, key text OPTIONS (metadata 'path')) SERVER $server
			OPTIONS (location '$location'@{[ $options ? ", $options" : '' ]});));
	return;
}

# A bucket with objects 1.json, 2.json, ... that hold their numbers, and a table
sub bucket_of
{
	my ($objects, $options) = @_;
	my $bucket = sprintf('missing-%d', ++$number);

	$fault_server->put($bucket, sprintf('in/%03d.json', $_), "{\"n\":$_}\n") foreach 1 .. $objects;
	table_over('faulty', "s3://$bucket/in/", $options);
	return $bucket;
}

# Result and messages of a statement that succeeds
sub run_sql
{
	my ($sql) = @_;
	my ($stdout, $stderr);
	my $rc = $node->psql('postgres', $sql, stdout => \$stdout, stderr => \$stderr, timeout => 60);

	is($rc, 0, 'it succeeds') or diag($stderr);
	return ($stdout, $stderr);
}

sub missing_in_plan
{
	my ($sql) = @_;
	my ($plan) = run_sql("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) $sql");

	return $plan =~ /Objects Missing: (\d+)/ ? $1 : undef;
}

#
# A bucket
#
my $bucket = bucket_of(20);
$fault_server->fault($bucket, op => 'get', key => 'in/007', fault => 'gone', times => 1);
fails($node, $sum, { state => '40001', like => [ qr{s3://\Q$bucket\E/in/007\.json}, qr/removed/, qr/HINT:.*missing_objects/ ] },
	'a missing object is an error');
succeeds($node, $sum, '19|203', 'the next listing does without it');
is(missing_in_plan($sum), undef, 'nothing is counted without the option');

$bucket = bucket_of(20, $skip);
$fault_server->fault($bucket, op => 'get', key => "in/0$_", fault => 'gone', times => 1) foreach qw(01 07 20);
my ($rows, $messages) = run_sql($sum);
is($rows, '17|182', 'missing objects are left out');
like($messages, qr/NOTICE:  3 objects of s3_json table "t" were missing\n/, 'a notice at the end');
is(missing_in_plan($sum), 0, 'none is missing from the next listing');
$fault_server->fault($bucket, op => 'get', key => 'in/002', fault => 'gone', times => 1);
is(missing_in_plan($sum), 1, 'EXPLAIN ANALYZE counts them');

$bucket = bucket_of(30, $skip);
$fault_server->fault($bucket, op => 'get', fault => 'gone');
($rows, $messages) = run_sql("SET pinterest.s3_connections = 2; $sum");
is($rows, '0|', 'all are missing: no rows');
like($messages, qr/30 objects/, 'all are missing: all are told');

$bucket = bucket_of(3, "$skip, log_verbosity 'silent'");
$fault_server->fault($bucket, op => 'get', key => 'in/002', fault => 'gone', times => 1);
($rows, $messages) = run_sql($sum);
is("$rows$messages", '2|4', 'log_verbosity silent: no notice');

# What else a 404 can mean is an error all the same
foreach my $case (
	[ 'the bucket', { fault => 'error', status => 404, code => 'NoSuchBucket' }, qr/NoSuchBucket/ ],
	[ 'a web page', { fault => 'html', status => 404 }, qr/web page/ ],)
{
	my ($name, $fault, $like) = @$case;

	$bucket = bucket_of(3, $skip);
	$fault_server->fault($bucket, op => 'get', %$fault);
	fails($node, $sum, { state => '42704', like => [$like] }, "missing: $name");
}

# So is an object of which rows may have been returned
$bucket = bucket_of(0, $skip);
$fault_server->put($bucket, 'in/1.json', join('', map { "{\"n\":$_}\n" } 1 .. 100_000));
$fault_server->fault($bucket, op => 'get', fault => 'half', times => 1);
$fault_server->fault($bucket, op => 'get', fault => 'gone', times => 1);
fails($node, $sum, { state => '40001', like => [qr/removed/] }, 'removed in the middle: an error');

#
# A folder: names that the directory gave before they went.  The cursor has read
# the directory when it returns its first row.
#
sub folder_of
{
	my ($files, $options) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir('folder');

	append_to_file("$folder/$_.json", "{\"n\":$_}\n") foreach 1 .. $files;
	chmod 0755, $folder;
	table_over('files', "file://$folder/", $options);
	return $folder;
}

my $cursor = "BEGIN; DECLARE c CURSOR FOR SELECT n FROM t; FETCH 1 FROM c;\n\\! rm %s/*.json\nFETCH ALL FROM c; COMMIT;";

my $folder = folder_of(5);
fails($node, sprintf($cursor, $folder), { state => '58P01', like => [ qr/\Q$folder\E/, qr/HINT:.*missing_objects/ ] },
	'a missing file is an error');
$folder = folder_of(5, $skip);
($rows, $messages) = run_sql(sprintf($cursor, $folder));
is(scalar(() = $rows =~ /^\d$/mg), 1, 'missing files are left out');
like($messages, qr/NOTICE:  4 objects of s3_json table "t" were missing/, 'missing files are told');
fails($node, sprintf('DROP FOREIGN TABLE t; CREATE FOREIGN TABLE t (n int) SERVER files OPTIONS (location \'file://%s/no.json\', %s); SELECT * FROM t', $folder, $skip),
	{ state => '58P01', like => [qr/No such file/] }, 'a location that does not exist is an error');

# Processes that share a list: all of it is there before the first is read
$node->safe_psql(
	'postgres', q(
	CREATE FUNCTION in_parallel(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
	BEGIN
		SET LOCAL parallel_setup_cost = 0;
		SET LOCAL parallel_tuple_cost = 0;
		SET LOCAL min_parallel_table_scan_size = 0;
		RETURN QUERY EXECUTE query;
	END $$;));
$bucket = bucket_of(40, "$skip, estimated_rows '10000000'");
$fault_server->fault($bucket, op => 'get', key => "in/0$_", fault => 'gone', times => 1) foreach 10 .. 19;
my ($plan, $notice) = run_sql("SELECT * FROM in_parallel('EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) $sum')");
like($plan, qr/Parallel Foreign Scan/, 'parallel: it is');
like($plan, qr/Objects Missing: 10\b/, 'parallel: EXPLAIN ANALYZE counts those of all processes');
like($plan, qr/List Requests: 1\b/, 'parallel: EXPLAIN ANALYZE counts the listing');
like($notice, qr/NOTICE:  10 objects/, 'parallel: one notice for all');
is(() = $notice =~ /NOTICE/g, 1, 'parallel: no other');

$node->stop;
done_testing();
