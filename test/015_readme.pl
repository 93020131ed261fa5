# The README's walks that need no Kafka (058_kafka_readme.pl has those), as they are
# written there: nothing is put in but the places and secrets of the test.

use strict;
use warnings;

use lib 'test/lib';
use KinesisTest;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $user = '0e1a2b3c4d5f';
my $node = new_node('readme');
my @blocks = slurp_file('README.md') =~ /^```sql\n(.*?)^```/msg;

delete @ENV{ grep { /^AWS_/ } keys %ENV };
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET pinterest.kinesis_pacing = off');

# walk SERVER, { TEXT => WITH, … }: what the statements of the block give that makes this
# server, with each text replaced by another
sub walk
{
	my ($server, %replaced) = @_;
	my ($sql) = grep { /^CREATE SERVER $server / } @blocks;
	my @missing;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $text (keys %replaced)
	{
		push @missing, $text if $sql !~ s/\Q$text\E/$replaced{$text}/g;
	}
	is("@missing", '', "$server: what is put in has its place");
	$node->safe_psql('postgres', 'DROP TABLE IF EXISTS pinterest_data, geolocation_data, user_data');
	return $node->safe_psql('postgres', $sql);
}

sub has_answers
{
	my ($rows, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	unlike($rows, qr/failed/, "$what: checked");
	is(scalar(() = $rows =~ /^(?:18-24|25-35|36-50|\+50)\|[a-z-]+\|\d+$/mg), 4, "$what: the answers");
	return;
}

my $folder = PostgreSQL::Test::Utils::tempdir('lake');
mkdir "$folder/topics" or die;
has_answers(walk('folder', '/tmp/lake' => $folder), 'a folder');

SKIP:
{
	my $s3 = start_s3('versitygw') // skip 'versitygw could not be built', 3;

	# What the walk before has written
	put_folder($s3, "user-$user-bucket", $folder);
	has_answers(
		walk(
			'lake',
			q(region 'us-east-1') => "region 'us-east-1', endpoint '$s3'",
			q(access_key_id '…') => q(access_key_id 'AKIDTEST'),
			q(secret_access_key '…') => q(secret_access_key 'secretkeytest123')),
		'a bucket');
}

SKIP:
{
	my $kinesis = start_kinesis('ferrokinesis') // skip 'no Kinesis server could be installed', 11;
	my $endpoint = $kinesis->endpoint;
	my $gateway = start_api_gateway($kinesis);
	my $rows;

	has_answers(walk('streams', 'http://localhost:4566' => $endpoint), 'streams');

	$rows = walk('kinesis', q(region 'us-east-1') => "region 'us-east-1', endpoint '$endpoint'", '…' => 'k');
	unlike($rows, qr/failed/, 'streams that are there: checked');
	like($rows, qr/^travel\|\d+$/m, 'streams that are there: rows');

	$node->safe_psql('postgres', "SELECT pinterest.drop_source('streams', name) FROM pinterest.list_sources('streams')");
	$rows = walk(
		'gateway',
		q(region 'us-east-1', api_gateway) => "region 'us-east-1', endpoint '$endpoint', api_gateway",
		'https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/dev' => $gateway->url,
		'…' => 'k');
	unlike($rows, qr/failed/, 'a gateway: checked');
	like($rows, qr/^gateway\|ok\|/m, 'a gateway: and asked');
	is(scalar(() = $rows =~ /^streaming-$user-\w+\|1\|ACTIVE$/mg), 3, 'a gateway: the streams');
	cmp_ok(scalar(() = $rows =~ /^\d+\|[0-9a-f-]{36}\|/mg), '>', 10, 'a gateway: the posts');
}

done_testing();
