# docs/walkthrough.md from its first statement to its last, as written there but for the
# addresses and keys of the test; and what docs/operation.md says to watch meanwhile.

use strict;
use warnings;

use lib 'test/lib';
use KafkaTest;
use KinesisTest;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $kafka = start_kafka() // plan skip_all => 'Kafka could not be fetched';
my $kinesis = start_kinesis('ferrokinesis') // plan skip_all => 'no Kinesis server could be installed';
my $s3 = start_s3('versitygw') // plan skip_all => 'versitygw could not be built';
my $node = new_node('walkthrough');
my $text = slurp_file('docs/walkthrough.md');
my %replaced = (
	'localhost:9092' => $kafka->bootstrap,
	'http://localhost:9000' => $s3,
	'http://localhost:4566' => $kinesis->endpoint,
	q(access_key_id '…') => q(access_key_id 'AKIDTEST'),
	q(secret_access_key '…') => q(secret_access_key 'secretkeytest123'));

foreach my $there (sort keys %replaced)
{
	ok($text =~ s/\Q$there\E(?=.*^```)/$replaced{$there}/gms, "it has $there");
}
put_folder($s3, 'my-bucket', PostgreSQL::Test::Utils::tempdir('empty'));

# What the statements of a section give
sub section
{
	my ($title) = @_;
	my ($sql) = $text =~ /^## \Q$title\E\n.*?^```sql\n(.*?)^```/ms or die "no section $title";
	my $rows = $node->safe_psql('postgres', $sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	unlike($rows, qr/failed/, "$title: nothing has failed");
	return $rows;
}

is(scalar(() = section('Posts') =~ /^\d+\|.+\|.+\|[A-Z][a-z]+$/mg), 3, 'posts');
is(scalar(() = section('Topics') =~ /^\d+\|.+\|.+\|[0-2]\|\d+$/mg), 3, 'records of a topic');
my $archived = 0;
$archived += $_ foreach section('The lake') =~ /^12ab34cd56ef\.(?:pin|geo|user)\|[0-2]\|(\d+)$/mg;
is($archived, 1500, 'all of them are in the bucket');
like(section('The answers'), qr/^\d+\|.+\|\d*\|\/data\/[a-z-]+\n(?:.*\n)*^[A-Z][^|]*\|[a-z-]+\|\d+$/m, 'cleaned posts, and an answer');
like(section('Every day'), qr/^2015\|\d+\n2016\|\d+\n2017\|\d+$/m, 'another, from landed records');
section('Streaming');
ok( $node->poll_query_until(
		'postgres', q(SELECT sum(records) = 1500 FROM pinterest.stream_status WHERE stream LIKE 'stream.%')),
	'the workers have copied all records');

#
# docs/operation.md
#
my ($watch) = slurp_file('docs/operation.md') =~ /^## What to watch\n.*?^```sql\n(.*?)^```/ms;

$node->safe_psql('postgres', q(CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher; SELECT pg_terminate_backend(pid) FROM pinterest.stream_status WHERE stream = 'stream.geo'));
ok($node->poll_query_until('postgres', q(SELECT pid IS NULL FROM pinterest.stream_status WHERE stream = 'stream.geo')), 'a worker is gone');
my $seen = $node->safe_psql('postgres', $watch, connstr => $node->connstr('postgres') . ' user=watcher');
like($seen, qr/^stream\.geo\|down\|/, 'the stream that has none is seen by whoever monitors the server');
is(join(' ', sort $seen =~ /\|pinterest stream\|(stream\.\w+)\|/g), 'stream.pin stream.user', 'and the workers that run');

section('Cleaning up');
is($node->safe_psql('postgres', q(
	SELECT (SELECT count(*) FROM pg_foreign_server), (SELECT count(*) FROM pinterest.stream_status),
		(SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
		(SELECT string_agg(nspname, ' ') FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)' AND nspname <> 'public')
	)), '0|0|0|pinterest', 'nothing is left');

done_testing();
