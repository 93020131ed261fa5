# The same posts in a folder, in topics and in streams: the views give the same answers
# from all of them, whoever has put the posts there.

use strict;
use warnings;

use lib 'test/lib';
use KafkaTest;
use KinesisTest;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my %tables = (pin => [qw(pinterest_data index)], geo => [qw(geolocation_data ind)], user => [qw(user_data ind)]);
my $kafka = start_mock_kafka(topics => { map { ("u1.$_" => 4, "u2.$_" => 4) } keys %tables });

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('three_sources');
my $folder = PostgreSQL::Test::Utils::tempdir('lake');
my $kinesis = start_kinesis('ferrokinesis') // plan skip_all => 'no ferrokinesis here';
my @all = (qw(pin geo users), map { $_->[0] } @views);

# Others do not read these streams
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET pinterest.kinesis_pacing = off');
$node->safe_psql('postgres', q(
	CREATE SERVER lake FOREIGN DATA WRAPPER s3_json;
	CREATE SERVER kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '@@');
	SELECT pinterest.generate_posts(600, 7)) =~ s/\@\@/$kafka->bootstrap/er);

create_kinesis_server($node, 'kinesis', $kinesis->endpoint);

# The rows of a view, in one order
sub answer
{
	my ($pipeline, $view) = @_;
	return $node->safe_psql('postgres', qq(SET client_min_messages = warning; SELECT v::text FROM $pipeline.$view v ORDER BY v::text COLLATE "C"));
}

# Do other pipelines give what the one over the folder gives?
sub compare
{
	my ($what, $pipelines, @views) = @_;

	foreach my $view (@views)
	{
		my $expected = answer('folder', $view);

		ok($expected ne '' && !(grep { answer($_, $view) ne $expected } @$pipelines), "$what: the same rows: $view");
	}
	return;
}

#
# Put there by others, with what goes wrong in real data
#
my %dirty = (
	pin => [
		'[{"index":5,"title":"in an array"}]', '"{\"index\":6,\"title\":\"in a string\"}"', '{"idx":90001,"title":"of an older emulator"}',
		'{"category":"older","index":90002,"unique_id":"00000000-0000-4000-8000-000000090002","img_src":null}',
		'{"ind":7,"first_name":"Ann","last_name":"Ash","age":20,"date_joined":"2015-11-01 00:00:00"}',
		'{index=7528, unique_id=fbe53c66}', '""', '{"index":9,"title":"as it was"}', '{"index":9,"title":"sent again"}' ],
	geo => [ '{"ind":4}', '{"ind":90001,"timestamp":"08/28/2020, 03:52:47","latitude":1.5,"country":""}' ],
	user => [ '{"ind":90001,"first_name":"Bob","age":"30"}', '{"index":4,"title":"a pin"}' ]);

foreach my $kind (sort keys %tables)
{
	my ($table, $key) = @{ $tables{$kind} };
	my $dirty = join ', ', map { '$q$' . $_ . '$q$' } @{ $dirty{$kind} };
	my $records = "SELECT record FROM (SELECT 0 AS part, $key AS place, row_to_json(t)::text AS record FROM $table t"
	  . " UNION ALL SELECT 1, place, record FROM unnest(ARRAY[$dirty]) WITH ORDINALITY AS d(record, place)) r ORDER BY part, place";
	my @records = split /\n/, $node->safe_psql('postgres', $records);
	my $n = 0;

	write_sink($node, $folder, "u1.$kind", $records);
	$kafka->produce("u1.$kind", [ map { { value => $_, partition => $n % 4, timestamp => 1_700_000_000_000 + $n++ } } @records ]);
	# One key, as the clients of a gateway send, so that what is sent again comes later
	$kinesis->create_stream("streaming-u1-$kind", 2);
	$kinesis->put("streaming-u1-$kind", map { [ "u1.$kind", $_ ] } @records);
}
$node->safe_psql('postgres', qq(
	SELECT pinterest.create_pipeline('folder', 'lake', 'u1', 'file://$folder');
	SELECT pinterest.create_pipeline('topics', 'kafka', 'u1');
	SELECT pinterest.create_pipeline('streams', 'kinesis', 'u1')));
succeeds($node, "SELECT ind, title FROM $_.pin WHERE ind IN (5, 6, 9, 90001, 90002) ORDER BY ind",
	"5|in an array\n6|in a string\n9|sent again\n90001|of an older emulator\n90002|", "$_: what is odd")
  foreach qw(folder topics streams);
compare('put by others', [qw(topics streams)], @all);

# Landed in tables, and some of it later
$node->safe_psql('postgres', qq(
	SELECT pinterest.create_pipeline('folder_landed', 'lake', 'u1', 'file://$folder', mode => 'landed');
	SELECT pinterest.create_pipeline('topics_landed', 'kafka', 'u1', mode => 'landed');
	SELECT pinterest.create_pipeline('streams_landed', 'kinesis', 'u1', mode => 'landed');
	CALL pinterest.run_pipeline('topics_landed');
	CALL pinterest.run_pipeline('streams_landed');
	CALL pinterest.emulate_posting('folder', 40, seed => 3);
	CALL pinterest.emulate_posting('topics', 40, seed => 3);
	CALL pinterest.emulate_posting('streams_landed', 40, seed => 3)));
foreach my $run (1, 2)
{
	$node->safe_psql('postgres', "CALL pinterest.run_pipeline('${_}_landed')") foreach qw(folder topics streams);
	compare("landed, run $run", [qw(topics streams folder_landed topics_landed streams_landed)], @all);
}
succeeds($node, 'SELECT stream, count(*) FROM pinterest.dead_letter GROUP BY 1 ORDER BY 1', "folder_landed.pin|2\nstreams_landed.pin|2\ntopics_landed.pin|2",
	'records that are none are dead letters');
succeeds($node, q(SELECT pinterest.drop_pipeline(p || '_landed') FROM unnest('{folder,topics,streams}'::text[]) AS p), "\n\n", 'dropped');

#
# Posted from SQL
#
my $gateway = start_api_gateway($kinesis);

create_kinesis_server($node, 'gateway', $kinesis->endpoint, options => "api_gateway '@{[ $gateway->url ]}'");
$node->safe_psql('postgres', qq(
	SELECT pinterest.drop_pipeline(p) FROM unnest('{folder,topics,streams}'::text[]) AS p;
	SELECT pinterest.create_source('kinesis', 'streaming-u2-' || kind, 3) FROM unnest('{pin,geo,user}'::text[]) AS kind;
	SELECT pinterest.create_source('gateway', 'streaming-u3-' || kind, 3) FROM unnest('{pin,geo,user}'::text[]) AS kind;
	SELECT pinterest.create_pipeline('folder', 'lake', 'u2', 'file://$folder');
	SELECT pinterest.create_pipeline('topics', 'kafka', 'u2');
	SELECT pinterest.create_pipeline('streams', 'kinesis', 'u2');
	SELECT pinterest.create_pipeline('through', 'gateway', 'u3')));
$gateway->log;
$node->safe_psql('postgres', "CALL pinterest.emulate_posting('$_', 300, seed => 4)") foreach qw(folder topics streams through);
like($gateway->log, qr{^(?:PUT /test/streams/streaming-u3-(?:pin|geo|user)/records? signed 200\n)+$}, 'posted through a gateway');
compare('posted', [qw(topics streams through)], @all);

# The wire
my %sent = (topics => [qw(kafka topic u2.pin value)], streams => [qw(kinesis stream streaming-u2-pin data)], through => [qw(gateway stream streaming-u3-pin data)]);
foreach my $pipeline (sort keys %sent)
{
	my ($server, $option, $source, $bytes) = @{ $sent{$pipeline} };

	$node->safe_psql('postgres', "CREATE FOREIGN TABLE sent_$pipeline (index int, bytes bytea OPTIONS (metadata '$bytes')) SERVER $server OPTIONS ($option '$source')");
	succeeds($node, "SELECT count(*), bool_and(convert_from(bytes, 'UTF8') = row_to_json(p)::text) FROM sent_$pipeline JOIN pinterest_data p USING (index)", '300|t',
		"$pipeline: the wire has the JSON of the tables, to the byte");
}
fails($node, q(SET statement_timeout = 1500; CALL pinterest.emulate_posting('streams', NULL, '0.1 s')), { state => '57014', within => 3 }, 'endless posting is cancelled');
succeeds($node, q(SELECT count(*) > 300 FROM streams.user_source), 't', 'what was sent before is there');
$kinesis->delete_stream('streaming-u2-geo');
fails($node, q(CALL pinterest.emulate_posting('streams', 10)), { state => '42704', like => [qr/streaming-u2-geo/] }, 'a stream that is not there');
fails($node, q(SELECT * FROM streams.geo), { state => '42704', like => [qr/streaming-u2-geo/] }, 'nor to be read');

# Another server, which takes its time
SKIP:
{
	my $other = start_kinesis('kinesis-local') // skip 'no kinesis-local here', 1;

	create_kinesis_server($node, 'other', $other->endpoint);
	$node->safe_psql('postgres', qq(
		SELECT pinterest.drop_pipeline(p) FROM unnest('{folder,streams}'::text[]) AS p;
		SELECT pinterest.create_source('other', 'streaming-u4-' || kind, 2) FROM unnest('{pin,geo,user}'::text[]) AS kind;
		SELECT pinterest.create_pipeline('folder', 'lake', 'u4', 'file://$folder');
		SELECT pinterest.create_pipeline('streams', 'other', 'u4')));
	$node->safe_psql('postgres', "CALL pinterest.emulate_posting('$_', 50, seed => 5)") foreach qw(folder streams);
	compare('kinesis-local', ['streams'], qw(pin geo users most_popular_category_by_age_group));
}

done_testing();
