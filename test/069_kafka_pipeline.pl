# A pipeline over topics: the same answers as over the folder that a sink would have
# written of the same posts, and of repeated records the latest by their time.

use strict;
use warnings;

use lib 'test/lib';
use KafkaTest;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $kafka = start_kafka();

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('kafka_pipeline');
my $folder = PostgreSQL::Test::Utils::tempdir('lake');
my %tables = (pin => [qw(pinterest_data index)], geo => [qw(geolocation_data ind)], user => [qw(user_data ind)]);
my $start = 1_700_000_000_000;

$node->safe_psql('postgres', q(
	CREATE SERVER kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '@@');
	CREATE SERVER lake FOREIGN DATA WRAPPER s3_json;
	SELECT pinterest.generate_posts(1200, 7)) =~ s/\@\@/$kafka->bootstrap/er);
foreach my $kind (sort keys %tables)
{
	my ($table, $key) = @{ $tables{$kind} };
	my $n = 0;

	write_sink($node, $folder, "u1.$kind", "SELECT row_to_json(t) FROM $table t ORDER BY $key");
	$node->safe_psql('postgres', "SELECT pinterest.create_source('kafka', 'u1.$kind', 4)");
	$kafka->produce("u1.$kind", [
		map { { value => $_, partition => $n % 4, timestamp => $start + $n++ } }
		split /\n/, $node->safe_psql('postgres', "SELECT row_to_json(t) FROM $table t ORDER BY $key") ]);
}
$node->safe_psql('postgres', qq(
	SELECT pinterest.create_pipeline('live', server => 'kafka', user_id => 'u1');
	SELECT pinterest.create_pipeline('batch', server => 'lake', user_id => 'u1', location => 'file://$folder')));

# How many rows of a view are there, and how many differ in the other pipeline?
sub compare
{
	my ($view) = @_;
	return $node->safe_psql('postgres', qq(
		WITH live AS (SELECT to_jsonb(v) FROM live.$view v), batch AS (SELECT to_jsonb(v) FROM batch.$view v)
		SELECT (SELECT count(*) FROM batch) > 0,
			(SELECT count(*) FROM (TABLE live EXCEPT ALL TABLE batch) d) + (SELECT count(*) FROM (TABLE batch EXCEPT ALL TABLE live) d)));
}

is(compare($_), 't|0', "the same rows from topics and from the folder: $_") foreach qw(pin geo users), map { $_->[0] } @views;
is($node->safe_psql('postgres', 'SELECT count(*) FROM live.pin'), '1200', 'all of them');

#
# Repeated records, and those that do not belong there
#
sub pin { my ($title, %more) = @_; return { value => qq({"index":5,"title":"$title"}), %more }; }
sub title { return $node->safe_psql('postgres', 'SELECT title FROM live.pin WHERE ind = 5'); }

$kafka->produce('u1.pin', [ pin('late', partition => 0, timestamp => $start + 9_000) ]);
is(title(), 'late', 'the latest counts');
$kafka->produce('u1.pin', [ pin('older', partition => 3, timestamp => $start + 8_000), pin('sent last', partition => 0, timestamp => $start + 8_500) ]);
is(title(), 'late', 'by time, not by partition or offset');
$kafka->produce('u1.pin', [ pin('other partition', partition => 2, timestamp => $start + 9_000) ]);
is(title(), 'other partition', 'of the same time, by partition');
$kafka->produce('u1.pin', [ pin('offset', partition => 2, timestamp => $start + 9_000) ]);
is(title(), 'offset', 'and then by offset');
$kafka->produce('u1.pin', [
	{ value => '{"ind":7,"country":"Ruritania"}', partition => 1 }, { value => undef, key => 'gone', partition => 1 },
	{ value => 'no JSON', partition => 1 }, { value => '{"idx":90001,"title":"of an older emulator"}', partition => 1 } ]);
succeeds($node, 'SELECT count(*), max(ind) FROM live.pin', '1201|90001', 'what is no pin is no row');

#
# Emulated posting
#
sub count_of { return $node->safe_psql('postgres', "SELECT count(*) FROM live.$_[0]"); }

my %before = map { $_ => count_of($_) } qw(pin_source geo_source user_source pin);
my ($rc, undef, $stderr) = $node->psql('postgres', q(CALL pinterest.emulate_posting('live', 250, batch => 100, seed => 3)));
is($rc, 0, 'posts are sent') or diag($stderr);
like($stderr, qr/NOTICE:  250 of 250 posts sent/, 'and counted');
is_deeply([ map { count_of($_) - $before{$_} } qw(pin_source geo_source user_source) ], [ 250, 250, 250 ], 'all three records of each');
is(count_of('pin'), $before{pin}, 'a post that is sent again is the same post');
succeeds($node, q(SELECT count(*), count(DISTINCT (s.record_partition, s.record_offset)) > 200
	FROM live.pin_source s JOIN pinterest_data d USING (index, title) WHERE s.record_timestamp > now() - interval '5 minutes'), '250|t',
	'records are those of the tables');
fails($node, q(SET statement_timeout = 1500; CALL pinterest.emulate_posting('live', NULL, '0.1 s')), { state => '57014', within => 3 },
	'endless posting is cancelled');
cmp_ok(count_of('user_source'), '>', $before{user_source} + 250, 'what was sent before is there');
fails($node, q(BEGIN; CALL pinterest.emulate_posting('live')), { state => '25001' }, 'not in a transaction block');

# The views over what was posted again give what the folder gives
$node->safe_psql('postgres', q(SELECT pinterest.create_pipeline('posted', 'kafka', 'u2');
	SELECT pinterest.create_source('kafka', 'u2.' || kind, 3) FROM unnest('{pin,geo,user}'::text[]) kind;
	SELECT pinterest.create_pipeline('stored', 'lake', 'u2', (SELECT 'file://' || $$@@$$))) =~ s/\@\@/$folder/r);
$node->safe_psql('postgres', "CALL pinterest.emulate_posting('$_', 700, seed => 4)") foreach qw(posted stored);
$node->safe_psql('postgres', q(DROP SCHEMA batch CASCADE; DROP SCHEMA live CASCADE;
	ALTER SCHEMA posted RENAME TO live; ALTER SCHEMA stored RENAME TO batch));
is(compare($_), 't|0', "the same rows of emulated posts: $_") foreach map { $_->[0] } @views;

#
# Posted through a REST proxy
#
my $proxy = start_rest_proxy($kafka);

$node->safe_psql('postgres', q(CREATE SERVER proxied FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '@@', rest_proxy '%%');
	SELECT pinterest.create_source('proxied', 'u3.' || kind, 3) FROM unnest('{pin,geo,user}'::text[]) kind;
	SELECT pinterest.create_pipeline('proxied', 'proxied', 'u3');
	CREATE FOREIGN TABLE sent (index int, value bytea OPTIONS (metadata 'value'), key bytea OPTIONS (metadata 'key')) SERVER proxied OPTIONS (topic 'u3.pin'))
	=~ s/\@\@/$kafka->bootstrap/er =~ s/%%/$proxy->endpoint/er);
$node->safe_psql('postgres', q(CALL pinterest.emulate_posting('proxied', 60, batch => 20, seed => 4)));
my @requests = grep { /^POST/ } split /\n/, $proxy->log;
is_deeply([ sort @requests ], [ map { ("POST /topics/u3.$_ application/vnd.kafka.json.v2+json 20 200") x 3 } qw(geo pin user) ], 'three requests of twenty records for each topic');
succeeds($node, q(SELECT count(*), bool_and(convert_from(value, 'UTF8')::jsonb = to_jsonb(p)), count(key) FROM sent JOIN pinterest_data p USING (index)), '60|t|0',
	'they are the records of the tables, without keys');
succeeds($node, q(SELECT count(*) FROM proxied.pin JOIN proxied.geo USING (ind) JOIN proxied.users USING (ind)), $node->safe_psql('postgres', 'SELECT count(*) FROM proxied.pin'), 'all three of each');
$proxy->set(fail_requests => 1000);
fails($node, q(SET pinterest.max_retries = 1; CALL pinterest.emulate_posting('proxied', 60)), { state => '08006|HV000|58000' }, 'a proxy that fails stops the posting');
$proxy->reset;

#
# Arguments
#
my $create = 'SELECT pinterest.create_pipeline';
fails($node, "$create('x', 'kafka', 'u1', 'file:///tmp')", { state => '22023', like => [qr/no location/] }, 'no location');
fails($node, "$create('x', 'kafka', '^u1')", { state => '22023', like => [qr/invalid user_id/] }, 'no pattern');
fails($node, "$create('x', 'kafka', 'u 1')", { state => '22023', like => [qr/ASCII/] }, 'no name that a topic cannot have');
fails($node, "$create('x', 'kafka', repeat('u', 250))", { state => 'HV024' }, 'nor one that is too long');
succeeds($node, "SELECT count(*) FROM pg_namespace WHERE nspname = 'x'", '0', 'nothing is left of these');
$node->safe_psql('postgres', "$create('nothing', 'kafka', 'nobody')");
fails($node, 'SELECT * FROM nothing.pin', { state => '42704', like => [qr/nobody\.pin/] }, 'topics that are not there');
$node->safe_psql('postgres', q(SELECT pinterest.drop_pipeline('nothing'); SELECT pinterest.drop_pipeline('live')));
succeeds($node, q(SELECT count(*) FROM pinterest.list_sources('kafka')), '9', 'dropping a pipeline leaves the topics alone');

#
# Landed by workers
#
my $pipeline = "WHERE stream LIKE 'kept.%'";
sub landed { return $node->poll_query_until('postgres', "SELECT records = $_[0] FROM pinterest.stream_status WHERE stream = 'kept.pin'"); }
my $there = $node->safe_psql('postgres', q(SELECT sum(ends - begins) FROM pinterest.describe_source('kafka', 'u1.pin')));

$node->safe_psql('postgres', qq($create('kept', 'kafka', 'u1', mode => 'landed');
	UPDATE pinterest._stream SET batch_wait = '50 ms';
	SELECT pinterest.start_stream(stream) FROM pinterest.stream_status $pipeline));
ok(landed($there), 'a pipeline kept by workers');
foreach my $round (1 .. 5)
{
	$kafka->produce('u1.pin', [ map { pin("t$_", partition => $_ % 4) } 1 .. 100 ]);
	my ($rc) = $node->psql('postgres', q(CALL pinterest.run_pipeline('kept')), timeout => 30);
	is($rc, 0, 'run_pipeline meanwhile');
}
ok(landed($there + 500), 'each record once');
is($node->safe_psql('postgres', "SELECT count(*) FROM pinterest.stream_status $pipeline AND state = 'running'"), 3, 'they run on');
$node->safe_psql('postgres', q(SELECT pinterest.drop_pipeline('kept')));
ok($node->poll_query_until('postgres', q(SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pinterest stream')), 'until the pipeline is dropped');

done_testing();
