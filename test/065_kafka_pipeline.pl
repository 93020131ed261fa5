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
succeeds($node, q(SELECT count(*) FROM pinterest.list_sources('kafka')), '3', 'dropping a pipeline leaves the topics alone');

done_testing();
