# Which partitions are read when, and by which process: the first rows, parallel scans.

use strict;
use warnings;

use lib 'test/lib';
use KafkaTest;
use PinterestTest;
use Test::More;

my $kafka = start_kafka();

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('kafka_parts');
my $bootstrap = $kafka->bootstrap;

$node->safe_psql('postgres', qq(
	CREATE SERVER kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$bootstrap')));

# A topic whose partitions have so many records each, and a table over it
sub create_filled
{
	my ($name, @counts) = @_;

	$kafka->create_topic($name, scalar @counts);
	$kafka->fill(topic => $name, count => $counts[$_], partition => $_) foreach grep { $counts[$_] } 0 .. $#counts;
	$node->safe_psql(
		'postgres', qq(
		CREATE FOREIGN TABLE $name (n bigint, partition int OPTIONS (metadata 'partition'),
			"offset" bigint OPTIONS (metadata 'offset')) SERVER kafka OPTIONS (topic '$name', estimated_rows '10000000')));
	return;
}

# What EXPLAIN ANALYZE counts under that name
sub counted
{
	my ($what, $query, $settings) = @_;
	my $plan = $node->safe_psql('postgres', ($settings // '') . " EXPLAIN (ANALYZE, COSTS off, TIMING off) $query");

	return $plan =~ /$what: (\d+)/ ? $1 : "none in:\n$plan";
}

create_filled('even', (3000) x 4);
create_filled('uneven', 20_000, 0, 10, 3000, 1, 0, 7);
create_filled('alone', 25_000);
create_filled('short', (5) x 30);

#
# The first rows
#
is(counted('Partitions', 'SELECT n FROM even LIMIT 1'), 1, 'the first row begins one partition');
is(counted('Partitions', 'SELECT n FROM even LIMIT 1500'), 4, 'then come the others');
is(counted('Partitions', 'SELECT n FROM short LIMIT 1'), 30, 'short partitions are begun together');
is(counted('Partitions', 'SELECT n FROM even WHERE "offset" >= 2995 LIMIT 1'), 4, 'so are short ranges');
is(counted('Partitions', 'SELECT n FROM even'), 4, 'all are read');
succeeds(
	$node, 'SELECT sum(f) FROM generate_series(1, 3) AS i, LATERAL (SELECT n + i AS f FROM even LIMIT 1500) AS few',
	3 * 1500 * 2 + $node->safe_psql('postgres', 'SELECT 3 * sum(n) FROM (SELECT n FROM even LIMIT 1500) AS few'),
	'few rows again and again');

#
# Parallel scans
#
my $parallel = q(SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;);
my %processes = (
	'two processes' => 'SET max_parallel_workers_per_gather = 1;',
	'four processes' => 'SET max_parallel_workers_per_gather = 3;',
	'a worker alone' => 'SET max_parallel_workers_per_gather = 1; SET parallel_leader_participation = off;',
	'the leader alone' => 'SET max_parallel_workers_per_gather = 2; SET max_parallel_workers = 0;');

# Counts, and sums that tell which records they were
my $sums = 'count(*), sum(n), sum("offset" * (partition + 1)), count(DISTINCT partition)';

like($node->safe_psql('postgres', "$parallel $processes{'two processes'} EXPLAIN SELECT sum(n) FROM even"),
	qr/Parallel Foreign Scan on even/, 'a parallel plan');
foreach my $query (
	"SELECT $sums FROM even",
	"SELECT $sums FROM uneven",
	"SELECT $sums FROM alone",
	"SELECT $sums FROM short",
	"SELECT $sums FROM uneven WHERE partition IN (0, 2)",
	"SELECT $sums FROM alone WHERE \"offset\" IN (3, 4, 8000, 24999) OR \"offset\" BETWEEN 10000 AND 20000",
	"SELECT i, (SELECT sum(n) FROM uneven WHERE n % 3 < i) FROM generate_series(1, 3) AS i",
	"SELECT count(*) FROM alone AS a JOIN uneven AS b USING (n)",
	"SELECT count(*) FROM (SELECT n FROM uneven LIMIT 4321) AS few")
{
	my $expected = $node->safe_psql('postgres', $query);

	succeeds($node, "$parallel $processes{$_} $query", $expected, "$_: $query") foreach sort keys %processes;
}

# One message after the other is taken once, whoever takes it.  One process reads nothing besides; of several, each
# may pass over a whole share of another one, of 1000 messages, rather than begin anew behind it.
my %messages = map { $_ => counted('Messages', 'SELECT sum(n) FROM alone', "$parallel $processes{$_}") } keys %processes;

is($messages{$_}, 25_000, "$_: each message once") foreach 'a worker alone', 'the leader alone';
foreach my $several ('two processes', 'four processes')
{
	is($messages{$several} % 1000, 0, "$several: whole shares");
	cmp_ok($messages{$several}, '>=', 25_000, "$several: each message");
	cmp_ok($messages{$several}, '<=', 30_000, "$several: few of them twice");
}

done_testing();
