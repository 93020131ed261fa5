# Conditions on whole objects, over S3: random ones give the rows that a plain
# copy gives, and no object is fetched that they exclude.  Conditions that name
# paths or folders narrow the listing too.
#
# PINTEREST_SEED makes other conditions, PINTEREST_CASES more of them.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{PINTEREST_SEED} // 1;
my $cases = $ENV{PINTEREST_CASES} // 400;
my $node = new_node('pushdown');
my $server = start_fault_server();
my $bucket = 'pushdown';

note "seed $seed, $cases conditions";
srand($seed);
create_bucket_server($node, 'lake', $server->endpoint);

# 60 objects of one to three records, in folders of two levels
my $n = 0;
my @keys;
foreach my $partition (0 .. 4)
{
	foreach my $kind (qw(a b c), 'with%20blank')
	{
		foreach my $file (0 .. 2)
		{
			my $key = sprintf('t/partition=%d/kind=%s/t+%d+%010d.json', $partition, $kind, $partition, $file * 10);

			$server->put($bucket, $key, join('', map { sprintf("{\"n\":%d}\n", $n++) } 0 .. int(rand(3))));
			push @keys, "s3://$bucket/$key";
		}
	}
}
$server->put($bucket, 't/partition=1/kind=a/t+1+0000000000.jsonx', 'no record');

$node->safe_psql(
	'postgres', qq(
	CREATE FOREIGN TABLE pushed (n int, path text OPTIONS (metadata 'path'), size bigint OPTIONS (metadata 'size'),
		changed timestamptz OPTIONS (metadata 'last_modified'), etag text OPTIONS (metadata 'etag'),
		part int OPTIONS (metadata 'partition'), topic text OPTIONS (metadata 'topic'),
		part_text text OPTIONS (hive_key 'partition'), part_number int OPTIONS (hive_key 'partition'),
		kind text OPTIONS (hive_key 'kind'))
	SERVER lake OPTIONS (location 's3://$bucket/t/partition=*/', layout 'sink');
	CREATE TABLE plain AS SELECT * FROM pushed;
	CREATE FUNCTION try(condition text, OUT same boolean, OUT gets int, OUT lists int, OUT objects int)
	LANGUAGE plpgsql AS \$\$
	DECLARE
		plan json;
	BEGIN
		EXECUTE 'EXPLAIN (ANALYZE, COSTS off, TIMING off, FORMAT json) SELECT * FROM pushed WHERE ' || condition INTO plan;
		gets := coalesce((plan #> '{0,Plan}' ->> 'Get Requests')::int, 0);
		lists := coalesce((plan #> '{0,Plan}' ->> 'List Requests')::int, 0);
		EXECUTE 'SELECT count(DISTINCT path) FROM plain WHERE ' || condition INTO objects;
		EXECUTE format('WITH one AS (SELECT * FROM pushed WHERE %1\$s), two AS (SELECT * FROM plain WHERE %1\$s)
			SELECT NOT EXISTS (TABLE one EXCEPT ALL TABLE two) AND NOT EXISTS (TABLE two EXCEPT ALL TABLE one)', condition)
			INTO same;
	END \$\$));
is($node->safe_psql('postgres', 'SELECT count(DISTINCT path) FROM plain'), 60, 'the copy has all objects');

sub pick { return $_[ int(rand(@_)) ]; }

# A condition on one column, often on values that exist
sub comparison
{
	my $number = int(rand(7));

	return pick(
		sprintf('%s %s %d', pick(qw(part part_number)), pick(qw(= < <= > >= <>)), $number - 1),
		sprintf('part_text %s \'%d\'', pick('=', '=', '<>', '<'), $number - 1),
		sprintf('part_text = ANY (ARRAY[\'%d\', \'%d\', NULL])', $number, int(rand(6))),
		sprintf('part IN (%d, %d)', $number, int(rand(6))),
		sprintf('part BETWEEN %d AND %d', $number - 2, $number),
		sprintf('kind %s \'%s\'', pick('=', '<>'), pick('a', 'b', 'with blank', 'with%20blank', 'none')),
		sprintf('kind LIKE \'%s\'', pick('%a%', 'w%', '_')),
		sprintf('size %s %d', pick(qw(= < > <=)), 9 * (1 + int(rand(3)))),
		sprintf('path %s \'%s\'', pick('=', '=', '<>', '>', '<'), pick(@keys, "s3://$bucket/none", "s3://other/t")),
		sprintf('path IN (%s)', join(', ', map { "'$_'" } map { pick(@keys) } 0 .. int(rand(4)))),
		sprintf('path LIKE \'%%%d.json\'', 10 * int(rand(3))),
		'etag IS NOT NULL', 'etag <> \'\'', 'changed > \'2000-01-01\'', 'changed < \'2000-01-01\'',
		'topic = \'t\'', 'topic IS NULL', sprintf('length(kind) + part > %d', $number),
		sprintf('part = (SELECT %d)', $number), sprintf('part_text = (SELECT \'%d\'::text)', $number));
}

sub condition
{
	my ($depth) = @_;
	my $kind = rand();

	return comparison() if $depth == 0 || $kind < 0.3;
	return 'NOT (' . condition($depth - 1) . ')' if $kind < 0.4;
	return '(' . condition($depth - 1) . ($kind < 0.7 ? ' AND ' : ' OR ') . condition($depth - 1) . ')';
}

my @conditions = map { condition(3) } 1 .. $cases;
my $array = join(",\n", map { "\$q\$$_\$q\$" } @conditions);
my @wrong = split /\n/,
  $node->safe_psql(
	'postgres', qq(
	SELECT condition, t FROM unnest(ARRAY[$array]) AS condition, LATERAL try(condition) AS t
	WHERE NOT same OR gets <> objects));
is(scalar @wrong, 0, "$cases random conditions: the rows of the copy, and a GET for each of their objects")
  or diag(join("\n", @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ]));

# A condition on records besides
@wrong = split /\n/,
  $node->safe_psql(
	'postgres', qq(
	SELECT condition, t FROM unnest(ARRAY[$array]) WITH ORDINALITY AS c(condition, i),
		LATERAL try(format('(%s) AND n %% %s = 0', condition, 2 + i % 3)) AS t
	WHERE NOT same OR gets < objects));
is(scalar @wrong, 0, 'and with a condition on records') or diag(join("\n", @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ]));

# The server's own count of requests
sub requests
{
	my ($condition, $lists, $gets, $table) = @_;
	my $before = $server->counters($bucket);

	$node->safe_psql('postgres', 'SELECT count(*) FROM ' . ($table // 'pushed') . " WHERE $condition");
	my $after = $server->counters($bucket);
	is_deeply(
		[ $after->{list} - $before->{list}, $after->{get} - $before->{get} ],
		[ $lists, $gets ], 'requests: ' . ($table // '') . " $condition");
	return;
}
requests('true', 1, 60);
requests('part = 9', 1, 0);
requests("part_text = '2'", 1, 12);
requests("part_text IN ('2', '4', '7')", 3, 24);
requests("part_text = '2' AND kind = 'a'", 1, 3);
requests("path = '$keys[5]'", 1, 1);
requests("path IN ('$keys[5]', '$keys[17]', 's3://$bucket/t/partition=1/kind=a/t+1+0000000000.jso')", 2, 2);
requests("path = 's3://other/x.json'", 0, 0);
requests("part_text = NULL", 0, 0);

# Topics and partitions, where the location says in which folders they are
foreach my $topic (qw(a.pin a.geo b.pin))
{
	$server->put($bucket, sprintf('topics/%s/partition=%d/%1$s+%2$d+0000000000.json', $topic, $_), '{"n":1}')
	  foreach 0 .. 11;
}
$server->put($bucket, 'topics/a.pin/partition=1/a.pin+11+0000000000.json', '{"n":2}');
$node->safe_psql(
	'postgres', qq(
	CREATE FOREIGN TABLE one_topic (n int, topic text OPTIONS (metadata 'topic'), part int OPTIONS (metadata 'partition'))
		SERVER lake OPTIONS (location 's3://$bucket/topics/a.pin/partition=*/', layout 'sink');
	CREATE FOREIGN TABLE topics (n int, topic text OPTIONS (metadata 'topic'), part int OPTIONS (metadata 'partition'))
		SERVER lake OPTIONS (location 's3://$bucket/topics/a.*/partition=*/', layout 'sink')));
requests('true', 1, 12, 'one_topic');
requests('part = 1', 1, 1, 'one_topic');
requests('part IN (1, 7, 8, 99)', 4, 3, 'one_topic');
requests('part = NULL', 0, 0, 'one_topic');
requests('part > 9', 1, 2, 'one_topic');
requests('true', 1, 24, 'topics');
requests(q(topic = 'a.pin'), 1, 12, 'topics');
requests(q(topic = 'b.pin'), 0, 0, 'topics');
requests(q(topic IN ('a.pin', 'a.geo', 'a.none') AND part IN (3, 4)), 6, 4, 'topics');
requests('part = 3', 1, 2, 'topics');
$node->psql('postgres', 'SELECT count(*) FROM one_topic', stderr => \my $notice);
like($notice, qr/NOTICE:  1 object of location \S+ was left out: its name does not fit its folder/,
	'an object in the folder of another partition');

# Nested loops narrow anew for each row from outside
is( $node->safe_psql(
		'postgres', q(
		CREATE TABLE wanted AS SELECT unnest(ARRAY['0', '3', 'x', NULL]) AS part_text;
		ANALYZE wanted;
		SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;
		SELECT (SELECT count(*) FROM wanted JOIN pushed USING (part_text))
			= (SELECT count(*) FROM wanted JOIN plain USING (part_text)))),
	't', 'a nested loop');

# Processes that share the objects fetch each of them once
my $before = $server->counters($bucket);
is( $node->safe_psql(
		'postgres', q(
		SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
		SET min_parallel_table_scan_size = 0;
		SELECT count(*) = (SELECT count(*) FROM plain), sum(n) = (SELECT sum(n) FROM plain) FROM pushed;
		SELECT count(*) = (SELECT count(*) FROM plain WHERE part = 3) FROM pushed WHERE part = 3)),
	"t|t\nt", 'a parallel scan');
my $after = $server->counters($bucket);
is($after->{get} - $before->{get}, 72, 'a parallel scan fetches each object once');
is($after->{list} - $before->{list}, 2, 'and lists once');

done_testing();
