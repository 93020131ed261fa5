# Conditions on partitions, offsets and times of a real topic: random ones give the
# rows that a plain copy gives, and little more is read than what matches.
#
# PINTEREST_SEED makes other conditions, PINTEREST_CASES more of them.

use strict;
use warnings;

use lib 'test/lib';
use KafkaTest;
use PinterestTest;
use Test::More;

my $seed = $ENV{PINTEREST_SEED} // 1;
my $cases = $ENV{PINTEREST_CASES} // 300;
my $kafka = start_kafka();

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('kafka_pushdown');
my $bootstrap = $kafka->bootstrap;

note "seed $seed, $cases conditions";
srand($seed);

# Times of a producer, which go to and fro; and those of the broker
my $start = 1_700_000_000_000;
$kafka->create_topic('made', 5);
$kafka->create_topic('appended', 3, { 'message.timestamp.type' => 'LogAppendTime' });
my @messages =
  map { { value => "{\"n\":$_}", partition => int(rand(4)), timestamp => $start + 1000 * $_ + int(rand(20_000)) } } 0 .. 599;
$kafka->produce('made', \@messages);
foreach my $round (0 .. 9)
{
	$kafka->produce('appended', [ map { { value => "{\"n\":$_}", partition => $_ % 3 } } 60 * $round .. 60 * $round + 59 ]);
}
$kafka->delete_records('made', { 1 => 20 });

$node->safe_psql(
	'postgres', qq(
	CREATE EXTENSION IF NOT EXISTS pinterest_pipeline;
	CREATE SERVER kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$bootstrap');
	CREATE FOREIGN TABLE pushed (n int, topic text OPTIONS (metadata 'topic'), part int OPTIONS (metadata 'partition'),
		pos bigint OPTIONS (metadata 'offset'), pos4 int OPTIONS (metadata 'offset'), pos_text text OPTIONS (metadata 'offset'),
		at timestamptz OPTIONS (metadata 'timestamp'), at0 timestamptz(0) OPTIONS (metadata 'timestamp'),
		kind text OPTIONS (metadata 'timestamp_type'))
	SERVER kafka OPTIONS (topic '^(made|appended)\$');
	CREATE TABLE plain AS SELECT * FROM pushed;
	CREATE FUNCTION try(condition text, OUT same boolean, OUT messages int, OUT rows int)
	LANGUAGE plpgsql AS \$\$
	DECLARE
		plan json;
	BEGIN
		EXECUTE 'EXPLAIN (ANALYZE, COSTS off, TIMING off, FORMAT json) SELECT * FROM pushed WHERE ' || condition INTO plan;
		messages := coalesce((plan #> '{0,Plan}' ->> 'Messages')::int, 0);
		rows := coalesce((plan #> '{0,Plan}' ->> 'Actual Rows')::float::int, 0);
		EXECUTE format('WITH one AS (SELECT * FROM pushed WHERE %1\$s), two AS (SELECT * FROM plain WHERE %1\$s)
			SELECT NOT EXISTS (TABLE one EXCEPT ALL TABLE two) AND NOT EXISTS (TABLE two EXCEPT ALL TABLE one)', condition)
			INTO same;
	END \$\$));
is( $node->safe_psql('postgres', q(SELECT topic, count(*), count(DISTINCT part), min(pos), min(kind) FROM plain GROUP BY 1 ORDER BY 1)),
	"appended|600|3|0|append\nmade|580|4|0|create",
	'the copy has all that is there');

my ($append_start, $append_end) = split /\|/,
  $node->safe_psql('postgres', q(SELECT extract(epoch FROM min(at)) * 1000, extract(epoch FROM max(at)) * 1000 FROM plain WHERE topic = 'appended'));

sub pick { return $_[ int(rand(@_)) ]; }

# A moment that matters to one of the topics, with microseconds or without
sub moment
{
	my $ms = rand() < 0.6 ? $start + int(rand(640_000)) - 10_000 : $append_start + int(rand($append_end - $append_start + 20)) - 10;

	return sprintf('to_timestamp(%.4f)', ($ms + pick(0, 0, 0.4, -0.6)) / 1000);
}

sub comparison
{
	my $offset = int(rand(200));

	return pick(
		sprintf('pos %s %d', pick(qw(= < <= > >= <>)), $offset - 2),
		sprintf('%d %s pos', $offset, pick(qw(< <= > >=))),
		sprintf('pos4 %s %d::bigint', pick(qw(= < >=)), $offset),
		sprintf('pos %s %d::smallint', pick(qw(= < >=)), $offset),
		sprintf('pos > %d.5', $offset),
		sprintf('pos_text = \'%d\'', $offset),
		sprintf('pos IN (%d, %d, %d)', $offset, $offset + 1, int(rand(200))),
		sprintf('pos = ANY (ARRAY[%d, NULL, %d]::bigint[])', $offset, int(rand(200))),
		sprintf('pos > ALL (ARRAY[%d, %d])', $offset, int(rand(200))),
		sprintf('pos BETWEEN %d AND %d', $offset - 20, $offset),
		sprintf('pos >= (SELECT %d)', $offset),
		sprintf('pos < NULL::bigint'),
		sprintf('at %s %s', pick(qw(= < <= > >= <>)), moment()),
		sprintf('at BETWEEN %s AND %s', moment(), moment()),
		sprintf('at0 %s %s', pick(qw(< >=)), moment()),
		sprintf('at %s %s::timestamp', pick(qw(< >=)), moment()),
		sprintf('at %s \'%s\'::date', pick(qw(< >=)), pick('2023-11-14', '2023-11-15', 'infinity', '-infinity')),
		sprintf('part %s %d', pick(qw(= < >= <>)), int(rand(5))),
		sprintf('part IN (%d, %d)', int(rand(5)), int(rand(5))),
		sprintf('topic %s \'%s\'', pick('=', '<>'), pick(qw(made appended none))),
		sprintf('kind = \'%s\'', pick(qw(create append))),
		sprintf('n %% %d = 0', 2 + int(rand(5))));
}

sub condition
{
	my ($depth) = @_;
	my $kind = rand();

	return comparison() if $depth == 0 || $kind < 0.25;
	return 'NOT (' . condition($depth - 1) . ')' if $kind < 0.32;
	return '(' . condition($depth - 1) . ($kind < 0.7 ? ' AND ' : ' OR ') . condition($depth - 1) . ')';
}

my @conditions = map { condition(3) } 1 .. $cases;
my $array = join(",\n", map { "\$q\$$_\$q\$" } @conditions);
my @wrong = split /\n/,
  $node->safe_psql('postgres',
	"SELECT condition, t FROM unnest(ARRAY[$array]) AS condition, LATERAL try(condition) AS t WHERE NOT same");
is(scalar @wrong, 0, "$cases random conditions: the rows of the copy")
  or diag(join("\n", @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ]));

# Ranges alone: nothing is read that does not match
my @exact = (
	'pos BETWEEN 10 AND 29 AND part = 0',
	'(topic = \'made\' AND part = 2 AND pos >= 100) OR (topic = \'appended\' AND part = 1 AND pos < 7)',
	'pos = 5', 'pos IN (3, 4)', 'pos < 0', 'part = 9',
	"topic = 'appended' AND at >= (SELECT max(at) FROM plain)",);
foreach my $condition (@exact)
{
	my ($same, $messages, $rows) = split /\|/, $node->safe_psql('postgres', "SELECT * FROM try(\$q\$$condition\$q\$)");

	is("$same $messages", "t $rows", "reads just what it returns: $condition");
}

# Values that are known only when it runs
is( $node->safe_psql(
		'postgres', q(
		PREPARE slice(int, bigint, bigint) AS SELECT count(*), min(pos), max(pos) FROM pushed WHERE topic = 'made' AND part = $1 AND pos >= $2 AND pos < $3;
		SET plan_cache_mode = force_generic_plan;
		EXECUTE slice(0, 10, 20);
		EXECUTE slice(0, 20, 21);
		EXECUTE slice(1, 0, 25);)),
	"10|10|19\n1|20|20\n5|20|24",
	'parameters of a prepared statement');
is( $node->safe_psql(
		'postgres', q(
		SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;
		SELECT count(*), sum(p.n - w.n) FROM (SELECT * FROM plain WHERE n % 97 = 0) AS w
			JOIN pushed AS p ON p.topic = w.topic AND p.part = w.part AND p.pos = w.pos)),
	$node->safe_psql('postgres', 'SELECT count(*), 0 FROM plain WHERE n % 97 = 0'),
	'a join that looks each record up');
like(
	$node->safe_psql(
		'postgres', q(
		SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;
		EXPLAIN (COSTS off) SELECT * FROM (SELECT * FROM plain WHERE n % 97 = 0) AS w
			JOIN pushed AS p ON p.topic = w.topic AND p.part = w.part AND p.pos = w.pos)),
	qr/Pushed Down:.*\bpos\b/,
	'and asks for it only');
is($node->safe_psql('postgres', q(SELECT count(*) FROM (SELECT * FROM pushed LIMIT 7) AS few)), 7, 'LIMIT');
is( $node->safe_psql('postgres', q(SELECT string_agg(w.m || ':' || coalesce(l.n, -1), ',' ORDER BY w.m) FROM generate_series(0, 3) AS w(m)
		LEFT JOIN LATERAL (SELECT count(*) AS n FROM pushed WHERE part = w.m AND topic = 'made' AND pos < 25) AS l ON true)),
	'0:25,1:5,2:25,3:25',
	'LATERAL');

# Times that were the broker's at first, and are the producers' since: they go back
$kafka->create_topic('changed', 1, { 'message.timestamp.type' => 'LogAppendTime' });
$kafka->produce('changed', [ map { { value => "{\"n\":$_}" } } 0 .. 9 ]);
$kafka->configure_topic(name => 'changed', config => { 'message.timestamp.type' => 'CreateTime' });
$kafka->produce('changed', [ map { { value => "{\"n\":$_}", timestamp => $start + $_ } } 10 .. 19 ]);
$node->safe_psql('postgres', q(CREATE FOREIGN TABLE changed (n int, at timestamptz OPTIONS (metadata 'timestamp'),
	kind text OPTIONS (metadata 'timestamp_type')) SERVER kafka OPTIONS (topic 'changed')));
is($node->safe_psql('postgres', 'SELECT kind, count(*) FROM changed GROUP BY kind ORDER BY kind'), "append|10\ncreate|10", 'both kinds of times');
is($node->safe_psql('postgres', q(SELECT count(*), min(n), max(n) FROM changed WHERE at < '2024-01-01')), '10|10|19',
	'an upper bound of the time finds records behind those of the broker\'s time');

# Ranges that end and begin in a hole, which an aborted transaction leaves
$kafka->create_topic('holes');
$kafka->produce('holes', [ map { { value => "{\"n\":$_}" } } 0 .. 9 ]);
$kafka->produce('holes', [ map { { value => '{"n":-1}' } } 0 .. 2499 ], transaction => 'abort');
$node->poll_query_until('postgres', q(SELECT ends = $$2511$$ FROM pinterest.describe_source('kafka', 'holes'))) or die 'no end of the transaction';
$kafka->produce('holes', [ map { { value => "{\"n\":$_}" } } 10 .. 19 ]);
$node->safe_psql('postgres', q(CREATE FOREIGN TABLE holes (n int, pos bigint OPTIONS (metadata 'offset')) SERVER kafka OPTIONS (topic 'holes')));
is( $node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT n), min(n), max(n), max(pos) - min(pos) FROM holes'),
	'20|20|0|19|2520', 'an aborted transaction is a hole');
is( $node->safe_psql('postgres', 'SELECT string_agg(n::text, \',\') FROM holes WHERE pos BETWEEN 8 AND 100 OR pos BETWEEN 2000 AND 2512'),
	'8,9,10,11', 'ranges around a hole give each record once');

done_testing();
