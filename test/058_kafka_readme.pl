# The README's walks from CREATE SERVER to rows, as they are written there: nothing is
# put in but the brokers of the test and its secrets.

use strict;
use warnings;

use lib 'test/lib';
use KafkaTest;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $kafka = start_kafka(listeners => [qw(sasl_tls msk)]);

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

# The walks trust the authorities of the machine
$ENV{SSL_CERT_FILE} = $kafka->tls_file('ca.pem');
delete @ENV{ grep { /^AWS_/ } keys %ENV };

my $node = new_node('kafka_readme');
my @blocks = slurp_file('README.md') =~ /^```sql\n(.*?)^```/msg;

# walk SERVER, BROKERS, WITH, [SECRET, …]: the block that makes the server; its brokers
# are replaced by WITH, each "…" by a secret.  What its statements give.
sub walk
{
	my ($server, $brokers, $with, @secrets) = @_;
	my ($sql) = grep { /^CREATE SERVER $server / } @blocks;
	my $wanted = @secrets;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($sql =~ s/'\Q$brokers\E'/$with/, 1, "$server: the brokers");
	is(($sql =~ s/…/shift @secrets/ge) + 0, $wanted, "$server: the secrets");
	return $node->safe_psql('postgres', $sql);
}

my $rows = walk('kafka', 'localhost:9092', "'" . $kafka->bootstrap . "'");
unlike($rows, qr/failed/, 'a local broker: checked');
like($rows, qr/^brokers\|ok\|/m, 'a local broker: and reached');
is(scalar(() = $rows =~ /^(?:18-24|25-35|36-50|\+50)\|[a-z-]+\|\d+$/mg), 4, 'a local broker: the answers');
like($node->safe_psql('postgres', grep { /^CREATE TABLE pins / } @blocks), qr/^\n[1-9]\d+\n0\n?$/, 'a local broker: a stream of its posts');

$kafka->create_topic('orders', 2);
$kafka->fill(topic => 'orders', count => 20, value => '{"order":%d,"total":9.5}');
$rows = walk('cloud', 'pkc-1abcd.eu-west-1.aws.confluent.cloud:9092', "'" . $kafka->bootstrap('sasl_tls') . "'",
	'alice', 'alice-secret');
unlike($rows, qr/failed/, 'a password: checked');
like($rows, qr/^TLS\|ok\|.*^sign-in\|ok\|/ms, 'a password: over TLS, signed in');
is(scalar(() = $rows =~ /^\d+\|9\.5$/mg), 10, 'a password: rows');

# That the names of MSK's brokers tell the region is tested without them
$rows = walk('msk', 'b-1.demo.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9098',
	"'" . $kafka->bootstrap('msk') . "', region 'eu-west-1'", 'AKIATEST', 'iam-secret');
unlike($rows, qr/failed/, 'MSK: checked');
like($rows, qr/^TLS\|ok\|.*^sign-in\|ok\|/ms, 'MSK: over TLS, signed in');
my $posts = 0;
$posts += $_ foreach $rows =~ /^[a-z-]+\|(\d+)$/mg;
is($posts, 500, 'MSK: rows');

done_testing();
