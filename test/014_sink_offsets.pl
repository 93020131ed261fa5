# Conditions on topic, partition and offset over the folders of a sink, in a
# bucket and on disk: random ones give the rows that a plain copy gives, and no
# object is fetched that cannot hold a wanted offset.  Listing a long partition
# leaps to what is wanted, and ends behind it.
#
# PINTEREST_SEED makes other conditions, PINTEREST_CASES more of them.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{PINTEREST_SEED} // 1;
my $cases = $ENV{PINTEREST_CASES} // 120;
my $node = new_node('sink_offsets');

note "seed $seed, $cases conditions";
srand($seed);

# Two topics of three partitions, each of 12 objects of up to four records; some
# offsets are left out between objects
my $folder = PostgreSQL::Test::Utils::tempdir('sink');
my $records = 0;
foreach my $topic (qw(one two.pin))
{
	foreach my $partition (0 .. 2)
	{
		my $directory = "$folder/topics/$topic/partition=$partition";
		my $offset = int(rand(3));

		system_or_bail('mkdir', '-p', $directory);
		foreach (1 .. 12)
		{
			my $count = 1 + int(rand(4));

			append_to_file(sprintf('%s/%s+%d+%010d.json', $directory, $topic, $partition, $offset),
				join('', map { sprintf("{\"n\":%d}\n", $records++) } 1 .. $count));
			append_to_file(sprintf('%s/%s+%d+%010d.keys.json', $directory, $topic, $partition, $offset), 'no record');
			$offset += $count + (rand() < 0.2 ? int(rand(10)) : 0);
		}
	}
}

my $columns = q(n int, path text OPTIONS (metadata 'path'), size bigint OPTIONS (metadata 'size'),
	topic text OPTIONS (metadata 'topic'), part int OPTIONS (metadata 'partition'), o bigint OPTIONS (metadata 'offset'));
$node->safe_psql(
	'postgres', qq(
	CREATE SERVER files FOREIGN DATA WRAPPER s3_json;
	CREATE FUNCTION try(sunk text, condition text, OUT same boolean, OUT gets int, OUT possible int)
	LANGUAGE plpgsql AS \$\$
	DECLARE
		plan json;
	BEGIN
		EXECUTE format('EXPLAIN (ANALYZE, COSTS off, TIMING off, FORMAT json) SELECT * FROM %I WHERE %s', sunk, condition) INTO plan;
		gets := coalesce((plan #> '{0,Plan}' ->> 'Objects')::int, 0);
		EXECUTE format('SELECT count(DISTINCT path) FROM %I WHERE %s', sunk || '_possible', condition) INTO possible;
		EXECUTE format('WITH one AS (SELECT * FROM %I WHERE %2\$s), two AS (SELECT * FROM %I WHERE %2\$s)
			SELECT NOT EXISTS (TABLE one EXCEPT ALL TABLE two) AND NOT EXISTS (TABLE two EXCEPT ALL TABLE one)',
			sunk, condition, sunk || '_plain') INTO same;
	END \$\$));

# A foreign table, a copy of its rows, and what its objects could hold
sub make_table
{
	my ($server, $name, $location) = @_;

	$node->safe_psql(
		'postgres', qq(
		CREATE FOREIGN TABLE $name ($columns) SERVER $server OPTIONS (location '$location', layout 'sink');
		CREATE TABLE ${name}_plain AS SELECT * FROM $name;
		CREATE TABLE ${name}_possible AS
			SELECT NULL::int AS n, path, size, topic, part, o FROM (
				SELECT path, size, topic, part, min(o) AS start, lead(min(o)) OVER (PARTITION BY topic, part ORDER BY min(o)) AS next
				FROM ${name}_plain GROUP BY 1, 2, 3, 4) AS objects,
				generate_series(start, coalesce(next - 1, 200)) AS o));
	is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT path) FROM ${name}_plain"), "$records|72", "$name: the copy has all");
	return;
}

sub pick { return $_[ int(rand(@_)) ]; }

sub comparison
{
	my $offset = int(rand(60)) - 5;

	return pick(
		(map { sprintf('o %s %d', $_, $offset) } qw(= < <= > >= >= <)),
		sprintf('o BETWEEN %d AND %d', $offset, $offset + int(rand(15))),
		sprintf('o IN (%d, %d, %d)', $offset, $offset + 1, int(rand(60))),
		sprintf('o = ANY (ARRAY[%d, NULL, %d]::bigint[])', $offset, int(rand(60))),
		sprintf('%d %s o', $offset, pick(qw(< >= =))),
		sprintf('o < (SELECT %d)', $offset), sprintf('o = (SELECT %d::bigint)', $offset),
		sprintf('part %s %d', pick(qw(= = < >=)), int(rand(4))),
		sprintf('part IN (%d, %d)', int(rand(4)), int(rand(3))),
		sprintf('topic = \'%s\'', pick('one', 'two.pin', 'none')),
		sprintf('size > %d', 8 * int(rand(4))));
}

sub condition
{
	my ($depth) = @_;
	my $kind = rand();

	return comparison() if $depth == 0 || $kind < 0.2;
	return '(' . condition($depth - 1) . ($kind < 0.65 ? ' AND ' : ' OR ') . condition($depth - 1) . ')';
}

my $array = join(",\n", map { '$q$' . condition(3) . '$q$' } 1 .. $cases);
sub try_conditions
{
	my ($name) = @_;
	my @wrong = split /\n/,
	  $node->safe_psql(
		'postgres', qq(
		SELECT condition, t FROM unnest(ARRAY[$array]) AS condition, LATERAL try('$name', condition) AS t
		WHERE NOT same OR gets > possible));
	is(scalar @wrong, 0, "$name: $cases random conditions") or diag(join("\n", @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ]));
	@wrong = split /\n/,
	  $node->safe_psql(
		'postgres', qq(
		SELECT condition, t FROM unnest(ARRAY[$array]) WITH ORDINALITY AS c(condition, i),
			LATERAL try('$name', format('(%s) AND NOT (n %% %s = 0)', condition, 2 + i % 3)) AS t
		WHERE NOT same));
	is(scalar @wrong, 0, "$name: and with a condition on records") or diag(join("\n", @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ]));

	# Nested loops, and processes that share the objects
	is( $node->safe_psql(
			'postgres', qq(
			CREATE TABLE wanted AS SELECT * FROM (VALUES (0, 5), (1, 17), (2, NULL), (1, 3), (7, 8)) AS v(part, o);
			ANALYZE wanted;
			SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET enable_memoize = off;
			SELECT (SELECT array_agg(n ORDER BY n) FROM wanted JOIN $name USING (part, o))
				= (SELECT array_agg(n ORDER BY n) FROM wanted JOIN ${name}_plain USING (part, o)),
				(SELECT count(*) FROM wanted w, LATERAL (SELECT FROM $name s WHERE s.o BETWEEN w.o AND w.o + 5) s)
				= (SELECT count(*) FROM wanted w, LATERAL (SELECT FROM ${name}_plain s WHERE s.o BETWEEN w.o AND w.o + 5) s);
			DROP TABLE wanted)),
		't|t', "$name: nested loops");
	is( $node->safe_psql(
			'postgres', qq(
			SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
			SET min_parallel_table_scan_size = 0;
			SELECT sum(n) = (SELECT sum(n) FROM ${name}_plain WHERE o > 15 AND part = 1) FROM $name WHERE o > 15 AND part = 1;
			SELECT sum(n) = (SELECT sum(n) FROM ${name}_plain WHERE o < 9) FROM $name WHERE o < 9)),
		"t\nt", "$name: parallel scans");
	return;
}

make_table('files', 'on_disk', "file://$folder/topics/*/partition=*/");
try_conditions('on_disk');
make_table('files', 'anywhere', "file://$folder/");
try_conditions('anywhere');
SKIP:
{
	my $endpoint = start_versitygw();
	skip 'versitygw could not be built here', 1 if !defined $endpoint;

	put_folder($endpoint, 'sink', $folder);
	create_bucket_server($node, 'signed', $endpoint);
	make_table('signed', 'in_bucket', 's3://sink/topics/*/partition=*/');
	try_conditions('in_bucket');
}

#
# Long partitions
#
my $server = start_fault_server();
create_bucket_server($node, 'lake', $server->endpoint);

sub requests
{
	my ($bucket, $condition, $lists, $gets, $rows) = @_;
	my $before = $server->counters($bucket);

	is($node->safe_psql('postgres', "SELECT count(*) FROM $bucket WHERE $condition"), $rows, "rows: $condition");
	my $after = $server->counters($bucket);
	is_deeply(
		[ $after->{list} - $before->{list}, $after->{get} - $before->{get} ],
		[ $lists, $gets ], "requests: $condition");
	return;
}

# 30,000 objects of one record
$server->put('long', 'other', '');
$server->generate('long', count => 30000, key => 'topics/t/partition=0/t+0+{:010d}.json', body => '{"n":{}}');
$node->safe_psql('postgres',
	qq(CREATE FOREIGN TABLE long ($columns) SERVER lake OPTIONS (location 's3://long/topics/t/partition=*/', layout 'sink')));
requests('long', 'part = 0 AND o < 5', 1, 5, 5);
requests('long', 'part = 0 AND o = 15000', 3, 1, 1);
requests('long', 'part = 0 AND o >= 29990', 3, 10, 10);
requests('long', 'part = 0 AND (o BETWEEN 10 AND 12 OR o BETWEEN 20000 AND 20002)', 3, 6, 6);
requests('long', 'part = 0 AND o > 10000 AND o < 10000', 1, 0, 0);
requests('long', 'part = 0 AND o < 2000', 3, 2000, 2000);
# beyond the end: by halves
requests('long', 'part = 0 AND o > 1000000', 10, 1, 0);
requests('long', 'o = 3', 31, 1, 1);
requests('long', 'part = 0 AND o IN (0, 29999) AND size > 0', 31, 2, 2);

# A leap that passes the object: it is taken back
my $at = 0;
my %objects;
foreach my $count ((1) x 1500, 5000, (1) x 1500)
{
	$objects{ sprintf('topics/t/partition=0/t+0+%010d.json', $at) } = "{\"n\":1}\n" x $count;
	$at += $count;
}
$server->put_all('wide', %objects);
$node->safe_psql('postgres',
	qq(CREATE FOREIGN TABLE wide ($columns) SERVER lake OPTIONS (location 's3://wide/topics/t/partition=*/', layout 'sink')));
requests('wide', 'part = 0 AND o = 6000', 4, 1, 1);
requests('wide', 'part = 0 AND o = 7990', 3, 1, 1);
requests('wide', 'part = 0 AND o >= 6499 AND o <= 6501', 5, 3, 3);

# Offsets of more than ten digits lie among the others
%objects = map { sprintf('topics/t/partition=0/t+0+%010d.json', $_) => '{"n":1}' } (999_000 .. 1_000_500, 1_000_000_000 .. 1_000_001_500, map { $_ * 10 } 1_000_000_000 .. 1_000_000_010);
$server->put_all('huge', %objects);
$node->safe_psql('postgres',
	qq(CREATE FOREIGN TABLE huge ($columns) SERVER lake OPTIONS (location 's3://huge/topics/t/partition=*/', layout 'sink')));
is( $node->safe_psql(
		'postgres', q(
		CREATE TABLE huge_plain AS SELECT * FROM huge;
		SELECT count(*) FROM unnest('{0, 999999, 1000400, 5000000, 1000000001, 1000001400, 9999999999, 10000000000, 10000000050, 10000000101}'::bigint[]) AS w
		WHERE (SELECT count(*) FROM huge WHERE part = 0 AND o = w) <> (SELECT count(*) FROM huge_plain WHERE o = w)
			OR w > 1000000001 AND (SELECT count(*) FROM huge WHERE part = 0 AND o >= w) <> (SELECT count(*) FROM huge_plain WHERE o >= w))),
	'0', 'offsets of more than ten digits');

$node->stop;
done_testing();
