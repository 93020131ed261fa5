# An S3 service that is overloaded, sends less or other bytes than it should, drips,
# or lists without end; and many scans at the same time.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('service');
my $fault_server = start_fault_server();
my $number = 0;
my $sum = 'SELECT count(*), sum(n) FROM t';

create_bucket_server($node, 'faulty', $fault_server->endpoint);

sub table_over
{
	my ($bucket, $options) = @_;

	$node->safe_psql(
		'postgres', qq(
		DROP FOREIGN TABLE IF EXISTS t;
		CREATE FOREIGN TABLE t (n int) SERVER faulty
			OPTIONS (location 's3://$bucket/in/'@{[ $options ? ", $options" : '' ]});));
	return;
}

sub fresh_bucket
{
	my ($objects, $records, $suffix) = @_;
	my $bucket = sprintf('service-%d%s', ++$number, $suffix // '');

	foreach my $i (1 .. $objects)
	{
		$fault_server->put($bucket, sprintf('in/%04d.json', $i),
			join('', map { "{\"n\":$_}\n" } ($i - 1) * $records + 1 .. $i * $records));
	}
	table_over($bucket);
	return $bucket;
}

#
# Storms of 503
#
my $bucket = fresh_bucket(200, 1);
$fault_server->fault($bucket, fault => 'error', status => 503, code => 'SlowDown', every => 3);
succeeds($node, "SET pinterest.max_retries = 20; $sum", '200|20100', 'each third request is refused: all rows');
is($fault_server->counters($bucket)->{in_flight}, 0, 'nothing is left in flight');

$bucket = fresh_bucket(200, 1);
$fault_server->fault($bucket, op => 'get', fault => 'error', status => 503, code => 'SlowDown', for => 700);
succeeds($node, "SET pinterest.max_retries = 10; $sum", '200|20100', 'a storm of 700 ms: all rows');
cmp_ok($fault_server->counters($bucket)->{get}, '<', 1500, 'a storm is not answered with one');

#
# Bytes that are missing, or others
#
foreach my $fault ('half_head', 'short', 'no_end', 'chunked')
{
	$bucket = fresh_bucket(5, 100);
	$fault_server->fault($bucket, op => 'get', fault => $fault, times => 3);
	succeeds($node, $sum, '500|125250', "$fault, three times: all rows");
}
is($fault_server->counters($bucket)->{range}, 0, 'chunked: nothing is asked for again');
$bucket = fresh_bucket(3, 20_000);
$fault_server->fault($bucket, op => 'get', fault => 'no_end');
succeeds($node, $sum, '60000|1800030000', 'all bytes, but the end is never told: all rows');
is($fault_server->counters($bucket)->{get}, 3, 'all bytes, but the end is never told: nothing is asked for again');

$bucket = fresh_bucket(3, 100);
$fault_server->fault($bucket, op => 'get', fault => 'short');
fails($node, "SET pinterest.max_retries = 2; $sum", { state => '08006', like => [ qr/ended after \d+ of \d+ bytes/, qr/sent 3 times/ ] },
	'a body shorter than listed, with a Content-Length to match, for ever');
foreach my $op (qw(list get))
{
	$bucket = fresh_bucket(1, 100);
	$fault_server->fault($bucket, op => $op, fault => 'half_head');
	fails($node, "SET pinterest.max_retries = 2; $sum", { state => '08006', like => [ qr/closed/, qr/sent 3 times/ ] },
		"answers whose head breaks off, op $op");
}
$bucket = fresh_bucket(1, 100);
$fault_server->fault($bucket, op => 'get', fault => 'corrupt');
fails($node, $sum, { state => '22P02|22021', like => [ qr{s3://\Q$bucket\E/in/0001\.json}, qr/record/ ] }, 'bytes that make no record');

#
# A body that comes, but never to its end
#
foreach my $op (qw(list get))
{
	$bucket = fresh_bucket(1, 2000);
	$fault_server->fault($bucket, op => $op, fault => 'drip', ms => 20);
	fails($node, "SET pinterest.request_timeout = '1s'; SET pinterest.max_retries = 1; $sum",
		{ state => '08006', like => [ qr/only \d+ bytes arrived in \d+ ms/, qr/sent 2 times/ ], within => 20 },
		"drips, op $op: an error");
}
$bucket = fresh_bucket(1, 10);
$fault_server->fault($bucket, op => 'get', fault => 'drip', ms => 20);
succeeds($node, "SET pinterest.request_timeout = '1s'; SET pinterest.min_transfer_rate = 0; $sum", '10|55',
	'drips, and may: all rows');
$bucket = fresh_bucket(1, 100_000);
succeeds($node, "SET pinterest.request_timeout = '300ms'; SET pinterest.min_transfer_rate = '1MB'; SELECT count(*), sum(n) FROM (SELECT n, CASE n % 25000 WHEN 0 THEN pg_sleep(0.5) END FROM t) AS s",
	'100000|5000050000', 'a reader that takes its time is no service that drips');

#
# Listings that lead nowhere
#
foreach my $case ([ '', qr/keys do not ascend/ ], [ '--x-s3', qr/A page comes twice/ ])
{
	my ($suffix, $like) = @$case;

	foreach my $fault (qw(cycle endless))
	{
		$bucket = fresh_bucket(10, 1, $suffix);
		$fault_server->fault($bucket, op => 'list', fault => $fault);
		fails($node, $sum, { state => 'HV000', like => [ qr/not a valid listing/, $like ], within => 20 }, "pages that repeat: $fault $suffix");
	}
}
# A cycle of pages that are not alike
$bucket = fresh_bucket(0, 0, '--x-s3');
$fault_server->generate($bucket, count => 3500, key => 'in/{:010d}.json', body => "{\"n\":{}}\n");
succeeds($node, $sum, '3500|6123250', 'a directory bucket: all pages');
$fault_server->fault($bucket, op => 'list', fault => 'cycle');
fails($node, $sum, { state => 'HV000', like => [qr/A page comes twice/], within => 30 }, 'a cycle of four pages');

$bucket = fresh_bucket(10, 1);
$fault_server->fault($bucket, op => 'list', fault => 'backwards');
fails($node, $sum, { state => 'HV000', like => [qr/keys do not ascend/], within => 20 }, 'pages that go backwards');
$bucket = fresh_bucket(10, 1);
$fault_server->fault($bucket, op => 'list', fault => 'empty', times => 50);
succeeds($node, $sum, '10|55', 'pages may be empty');
$fault_server->fault($bucket, op => 'list', fault => 'empty');
fails($node, $sum, { state => 'HV000', like => [qr/pages in a row hold nothing/], within => 60 }, 'empty pages without end');
fails($node, "SET statement_timeout = '300ms'; $sum", { state => '57014', within => 2 }, 'empty pages: cancelled');

#
# Many scans in one session
#
my $tables = 10;
foreach my $i (1 .. $tables)
{
	fresh_bucket(0, 0);
	$fault_server->generate("service-$number", count => 300, key => 'in/{:010d}.json', body => "{\"n\":{}}\n");
	$node->safe_psql('postgres', "ALTER FOREIGN TABLE t RENAME TO t$i");
}
my $sql = 'BEGIN; ' . join(' ', map { "DECLARE c$_ CURSOR FOR SELECT n FROM t$_; FETCH 1 FROM c$_;" } 1 .. $tables)
  . join(' ', map { "FETCH ALL FROM c$_;" } 1 .. $tables) . ' COMMIT;';
my ($rc, $stdout, $stderr) = $node->psql('postgres', $sql);
is($rc, 0, "$tables scans at the same time") or diag($stderr);
is(scalar(() = $stdout =~ /^\d+$/mg), 300 * $tables, "$tables scans at the same time: all rows");
is($node->safe_psql('postgres', 'SELECT count(*) FROM ' . join(' JOIN ', 't1', map { "t$_ USING (n)" } 2 .. $tables)),
	300, "a join of $tables");

$node->stop;
done_testing();
