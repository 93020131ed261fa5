# What becomes of a stream's records: queries, keys, dead letters, whose rights count,
# and what a dump holds.

use strict;
use warnings;

use lib 'test/lib';
use KafkaTest;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $kafka = start_kafka();

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('stream_rows');
my $bootstrap = $kafka->bootstrap;

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql); }

sql(qq(CREATE SERVER kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$bootstrap')));

# topic NAME, [PARTITIONS]: a topic, and a foreign table over it called NAME
sub topic
{
	my ($name, $partitions) = @_;

	$kafka->create_topic($name, $partitions // 1);
	sql(qq(CREATE FOREIGN TABLE $name (k text, n int, p int OPTIONS (metadata 'partition'), o bigint OPTIONS (metadata 'offset'),
			key text OPTIONS (metadata 'key'), at timestamptz OPTIONS (metadata 'timestamp')) SERVER kafka OPTIONS (topic '$name')));
	return;
}

# put TOPIC, PARTITION, VALUE, …
sub put
{
	my ($topic, $partition, @values) = @_;
	return $kafka->produce($topic, [ map { { value => $_, partition => $partition, key => 'the key', timestamp => 1_700_000_000_000 } } @values ]);
}

#
# Queries
#
topic('numbers', 2);
put('numbers', 0, map { qq({"k":"a$_","n":$_}) } 1 .. 5);
put('numbers', 1, map { qq({"k":"b$_","n":$_}) } 1 .. 5);
sql(q(CREATE SCHEMA s; CREATE TABLE s.names (n int, name text); INSERT INTO s.names VALUES (1, 'one'), (2, 'two'), (2, 'zwei');
	CREATE VIEW s.small AS SELECT * FROM numbers WHERE n < 4 AND p IN (0, 1) AND at > '2020-01-01';
	CREATE TABLE target (k text, name text, twice int GENERATED ALWAYS AS (n * 2) STORED, n int DEFAULT 7, made text DEFAULT current_user)));
sql(q(SET search_path = s, public; SELECT pinterest.create_stream('view', 'numbers', 'target', query =>
	'SELECT name, k FROM small LEFT JOIN names USING (n); -- from a view')));
like(sql(q(SELECT query FROM pinterest.stream_status)), qr/s\.small/, 'names are qualified');
succeeds($node, q(SELECT pinterest.pull_stream('view')), 8, 'a view, joined');
succeeds($node, q(SELECT k, name, n, twice, made = current_user FROM target WHERE k IN ('a2', 'b3') ORDER BY k, name),
	"a2|two|7|14|t\na2|zwei|7|14|t\nb3||7|14|t", 'rows of it, with defaults and generated columns');
succeeds($node, q(SELECT pinterest.pull_stream('view'); SELECT records, rows FROM pinterest.stream_status), "0\n10|8", 'all records count as read');

# What a plan leaves unread belongs to the batch as well
sql(q(CREATE TABLE nobody (n int); CREATE TABLE first (k text);
	SELECT pinterest.create_stream('limit', 'numbers', 'first', query => 'SELECT k FROM public.numbers WHERE p = 1 ORDER BY o LIMIT 2');
	SELECT pinterest.create_stream('limit2', 'numbers', 'first', query => 'SELECT k FROM public.numbers LIMIT 1');
	SELECT pinterest.create_stream('nobody', 'numbers', 'first', query => 'SELECT k FROM public.numbers JOIN public.nobody USING (n)')));
succeeds($node, q(SELECT pinterest.pull_stream(s) FROM unnest('{limit,limit2,nobody,limit,limit2,nobody}'::text[]) AS s), "2\n1\n0\n0\n0\n0",
	'a query applies to a batch as if it were all there is');
succeeds($node, q(SELECT stream, records FROM pinterest.stream_status WHERE stream ~ '^(limit|nobody)' ORDER BY 1), "limit|10\nlimit2|10\nnobody|10", 'all of it is read');
succeeds($node, q(SELECT k FROM first ORDER BY k LIMIT 2 OFFSET 1), "b1\nb2", 'these rows');
fails($node, q(SELECT pinterest.create_stream('twice', 'numbers', 'first', query => 'SELECT a.k FROM public.numbers AS a, public.numbers AS b')),
	{ state => '0A000', like => [qr/reads its source "numbers" more than once/] }, 'a source that is read twice');
sql(q(SELECT pinterest.create_stream('again', 'numbers', 'first',
	query => 'SELECT name AS k FROM s.names AS m WHERE EXISTS (SELECT FROM public.numbers WHERE numbers.n = m.n OFFSET 0)')));
fails($node, q(SELECT pinterest.pull_stream('again')), { state => '0A000', like => [qr/more than once/] }, 'or again for other rows');
sql(q(SELECT pinterest.drop_stream(stream) FROM pinterest.stream_status));

fails($node, q(CREATE TEMPORARY TABLE fleeting (k text); SELECT pinterest.create_stream('fleeting', 'numbers', 'fleeting')),
	{ state => '42809', like => [qr/It is temporary/] }, 'a temporary table');

# Triggers scan as anybody does; partitions, row security
sql(q(CREATE TABLE parts (k text, n int, seen bigint) PARTITION BY RANGE (n);
	CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (3); CREATE TABLE parts_high PARTITION OF parts DEFAULT;
	CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN SELECT count(*) INTO NEW.seen FROM public.numbers WHERE numbers.p = 0; RETURN NEW; END';
	CREATE TRIGGER look BEFORE INSERT ON parts FOR EACH ROW EXECUTE FUNCTION look();
	SELECT pinterest.create_stream('parts', 'numbers', 'parts')));
put('numbers', 0, '{"k":"late","n":9}');
succeeds($node, q(SELECT pinterest.pull_stream('parts'); SELECT tableoid::regclass, count(*), min(seen), max(seen) FROM parts GROUP BY 1 ORDER BY 1),
	"11\nparts_low|4|6|6\nparts_high|7|6|6", 'triggers and partitions');

#
# Keys
#
topic('keyed', 1);
sql(q(CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
	CREATE TABLE latest (k text COLLATE anycase UNIQUE, n int, other text DEFAULT 'kept');
	CREATE TABLE keys (k varchar(20) PRIMARY KEY);
	SELECT pinterest.create_stream('latest', 'keyed', 'latest', key_columns => '{k}');
	SELECT pinterest.create_stream('keys', 'keyed', 'keys', key_columns => '{k}', query => 'SELECT k FROM public.keyed WHERE k IS NOT NULL')));
put('keyed', 0, '{"k":"a","n":1}', '{"k":"b","n":2}', '{"k":"a","n":3}', '{"n":4}', '{"n":5}');
succeeds($node, q(SELECT pinterest.pull_stream('latest'); SELECT k, n FROM latest ORDER BY n), "4\nb|2\na|3\n|4\n|5", 'the last row of each key');
sql(q(UPDATE latest SET other = 'changed'));
put('keyed', 0, '{"k":"A","n":6}', '{"k":"a","n":7}', '{"k":"c","n":8}');
succeeds($node, q(SELECT pinterest.pull_stream('latest'); SELECT k, n, other FROM latest WHERE n > 5 ORDER BY n), "2\na|7|changed\nc|8|kept", 'keys that the target takes for the same');
succeeds($node, q(SELECT pinterest.pull_stream('keys'); SELECT pinterest.pull_stream('keys'); SELECT k FROM keys ORDER BY k COLLATE "C"), "4\n0\nA\na\nb\nc", 'a target of keys alone');

#
# Dead letters
#
topic('mail', 1);
sql(q(CREATE TABLE box (k text, n bigint, p int, o bigint, key text, at timestamptz); SELECT pinterest.create_stream('mail', 'mail', 'box');
	CREATE TABLE strict (n bigint); SELECT pinterest.create_stream('strict', 'mail', 'strict', on_error => 'stop');
	SELECT pinterest.create_stream('lax', 'mail', 'strict', on_error => 'ignore')));
put('mail', 0, '{"n":1}', 'no JSON', '{"n":3000000000}', '{"n":4}', qq({"n":5,"k":"\xff"}));
my ($stdout, $stderr);
$node->psql('postgres', q(SELECT pinterest.pull_stream('mail')), stdout => \$stdout, stderr => \$stderr);
is($stdout, 2, 'good records');
like($stderr, qr/NOTICE:  3 bad records of stream "mail"\nDETAIL:  They are in pinterest\.dead_letter\./, 'bad ones are told of');
succeeds($node, q(SELECT stream, split, position, convert_from(bytes, 'latin1'), error <> '', now() - "time" < '1 hour' FROM pinterest.dead_letter ORDER BY id),
	qq(mail|mail/0|1|no JSON|t|t\nmail|mail/0|2|{"n":3000000000}|t|t\nmail|mail/0|4|{"n":5,"k":"\xc3\xbf"}|t|t), 'dead letters');
succeeds($node, q(SELECT records, rows, rejected, dead_letters FROM pinterest.stream_status WHERE stream = 'mail'), '5|2|3|3', 'counted');
succeeds($node, q(SELECT pinterest.replay_dead_letters('mail'); SELECT dead_letters FROM pinterest.stream_status WHERE stream = 'mail'), "0\n3", 'still dead');
sql(q(ALTER FOREIGN TABLE mail ALTER n TYPE bigint));
sql(q(BEGIN; SELECT pinterest.replay_dead_letters('mail'); ROLLBACK));
succeeds($node, q(SELECT pinterest.replay_dead_letters('mail'); SELECT * FROM box WHERE n > 4; SELECT string_agg(position, ' ' ORDER BY id) FROM pinterest.dead_letter),
	"1\n|3000000000|0|2|the key|2023-11-14 22:13:20+00\n1 4", 'one that is good now, with all its columns');
succeeds($node, q(DELETE FROM pinterest.dead_letter WHERE position = '1' RETURNING split), 'mail/0', 'one is discarded');
fails($node, q(SELECT pinterest.pull_stream('strict')), { state => '22P02', like => [ qr/offset 1/, qr/HINT:.*stream with on_error/ ] }, q(on_error 'stop'));
$node->psql('postgres', q(SELECT pinterest.pull_stream('lax')), stdout => \$stdout, stderr => \$stderr);
like($stderr, qr/DETAIL:  They were skipped/, q(on_error 'ignore'));
sql(q(ALTER TABLE box ADD CHECK (n < 10) NOT VALID));
put('mail', 0, '{"n":6}', '{"n":11}');
succeeds($node, q(SELECT pinterest.pull_stream('mail'); SELECT split_part(error, ':', 1) FROM pinterest.dead_letter ORDER BY id DESC LIMIT 1),
	qq(1\nnew row for relation "box" violates check constraint "box_n_check"), 'a row that the target refuses');

# Many of them: more than work_mem
topic('flood', 1);
sql(q(CREATE TABLE flooded (n int); SELECT pinterest.create_stream('flood', 'flood', 'flooded')));
$kafka->fill(topic => 'flood', count => 3000, value => '{"n":"' . ('x' x 500) . '%d"}');
sql(q(SET work_mem = '64kB'; SELECT pinterest.pull_stream('flood')));
succeeds($node, q(SELECT count(*), count(DISTINCT position) FROM pinterest.dead_letter WHERE stream = 'flood'), '3000|3000', 'more than fit into memory');

#
# Whose
#
sql(q(CREATE ROLE bob; CREATE ROLE eve; CREATE ROLE friend IN ROLE bob; GRANT USAGE ON FOREIGN SERVER kafka TO bob; GRANT CREATE ON SCHEMA public TO bob;
	SET ROLE bob;
	CREATE FOREIGN TABLE bobs_source (n int) SERVER kafka OPTIONS (topic 'numbers');
	CREATE TABLE bobs (n int, who text, path text);
	CREATE FUNCTION bobs_trigger() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN NEW.who = current_user; NEW.path = current_setting(''search_path''); RETURN NEW; END';
	CREATE TRIGGER bobs_trigger BEFORE INSERT ON bobs FOR EACH ROW EXECUTE FUNCTION bobs_trigger();
	SELECT pinterest.create_stream('bobs', 'bobs_source', 'bobs')));
my $denied = { state => '42501', like => [qr/must be owner of stream bobs/] };
fails($node, "SET ROLE eve; SELECT pinterest.$_", $denied, "a stranger: $_")
  foreach "pull_stream('bobs')", "drop_stream('bobs')", "reset_stream('bobs')", "resume_stream('bobs')", "replay_dead_letters('bobs')";
succeeds($node, q(SET ROLE eve; SELECT count(*) FROM pinterest.stream_status; SELECT count(*) FROM pinterest.stream_position; SELECT count(*) FROM pinterest.dead_letter;
	DELETE FROM pinterest.dead_letter), "0\n0\n0", 'strangers see nothing');
fails($node, "SET ROLE eve; SELECT * FROM pinterest.$_", { state => '42501' }, "not even in $_") foreach qw(_stream _stream_position _dead_letter _stream_gap);
fails($node, q(SET ROLE eve; SELECT pinterest.create_stream('eves', 'bobs_source', 'bobs')), { state => '42501' }, 'nor make streams of what is not theirs');
succeeds($node, q(SET ROLE friend; SELECT pinterest.pull_stream('bobs', 5)), 5, 'a member of the owner');
succeeds($node, q(SELECT pinterest.pull_stream('bobs'); SELECT who, path, count(*) FROM bobs GROUP BY 1, 2), "6\nbob|pg_catalog, pg_temp|11", 'a superuser: it runs as the owner');
sql(q(CREATE OR REPLACE FUNCTION bobs_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN SET LOCAL ROLE postgres; RETURN NEW; END'));
put('numbers', 0, '{"n":1}');
fails($node, q(SELECT pinterest.pull_stream('bobs')), { state => '42501', like => [qr/cannot set parameter "role"/] }, 'and cannot become somebody else');
sql(q(CREATE OR REPLACE FUNCTION bobs_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'));
sql(q(CREATE SCHEMA trap; CREATE FUNCTION trap.eq(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trapped''; END';
	CREATE OPERATOR trap.= (FUNCTION = trap.eq, LEFTARG = text, RIGHTARG = text)));
succeeds($node, q(SET search_path = trap, pg_catalog; SELECT pinterest.pull_stream('bobs')), 1, 'whatever the search path');

#
# Dump and restore
#
sql(q(CREATE TABLE kept (n int); SELECT pinterest.create_stream('kept', 'numbers', 'kept', batch_wait => '100 ms'); SELECT pinterest.start_stream('kept')));
$node->poll_query_until('postgres', q(SELECT rows = 12 FROM pinterest.stream_status WHERE stream = 'kept')) or die 'nothing is copied';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $node->basedir . '/dump', 'postgres' ], 'dump');
$node->command_ok([ 'createdb', 'copy' ], 'another database');
my ($rc) = run_command([ 'pg_restore', '-d', $node->connstr('copy'), $node->basedir . '/dump' ]);
my $everything = q(SELECT stream, source, target, query, key_columns, rows, dead_letters, state FROM pinterest.stream_status ORDER BY 1);
is($node->safe_psql('copy', $everything), sql($everything) =~ s/(ready|running)$/paused/mgr, 'streams are restored, and paused');
is($node->safe_psql('copy', 'SELECT * FROM pinterest.stream_position ORDER BY 1, 2'), sql('SELECT * FROM pinterest.stream_position ORDER BY 1, 2'), 'with their positions');
$node->psql('copy', q(SELECT pinterest.pull_stream('bobs')), stderr => \$stderr);
like($stderr, qr/stream "bobs" is paused.*resume_stream/s, 'which do not run');
put('numbers', 0, '{"n":77}');
is($node->safe_psql('copy', q(SELECT pinterest.resume_stream('bobs'); SELECT pinterest.pull_stream('bobs'); SELECT count(*) FROM bobs WHERE n = 77)), "\n1\n1", 'unless they are resumed');
is(sql(q(SELECT pinterest.pull_stream('bobs'))), 1, 'and in the first database as well');
put('mail', 0, 'bad');
is($node->safe_psql('copy', q(SELECT pinterest.resume_stream('mail'); ALTER TABLE box DROP CONSTRAINT box_n_check; SELECT pinterest.pull_stream('mail'); SELECT count(DISTINCT id) = count(*) FROM pinterest.dead_letter)),
	"\n0\nt", 'new dead letters beside those restored');

is($node->safe_psql('copy', q(SELECT state, pid FROM pinterest.stream_status WHERE stream = 'kept'; SELECT pinterest.resume_stream('kept'))), "paused|\n", 'one that was running does not run');
put('numbers', 0, '{"n":78}');
ok($node->poll_query_until($_, 'SELECT count(*) = 1 FROM kept WHERE n = 78'), "before it is resumed: $_") foreach 'copy', 'postgres';
sql(q(SELECT pinterest.drop_stream('kept')));
$node->safe_psql('copy', q(SELECT pinterest.stop_stream('kept')));

# Objects that are gone
sql(q(DROP TABLE bobs));
fails($node, q(SELECT pinterest.pull_stream('bobs')), { state => '42P01', like => [qr/target public\.bobs of stream "bobs" does not exist/] }, 'no target any more');
sql(q(DROP DATABASE copy));
sql(q(REASSIGN OWNED BY bob TO CURRENT_USER; DROP OWNED BY bob; DROP ROLE bob));
fails($node, q(SELECT pinterest.pull_stream('bobs')), { state => '42704', like => [qr/role "bob", the owner of stream "bobs", does not exist/] }, 'no owner any more');
fails($node, q(SET ROLE eve; SELECT pinterest.drop_stream('bobs')), { state => '42501' }, 'is nobody to others');
sql(q(SELECT pinterest.drop_stream('bobs')));
succeeds($node, q(SELECT count(*) FROM pinterest.stream_position WHERE stream = 'bobs'), 0, 'but superusers drop it');

done_testing();
