# Topics made, listed, described, changed and dropped in SQL, in a cluster of three brokers: what
# is said to be done is done, on all of them.

use strict;
use warnings;

use lib 'test/lib';
use IO::Socket::INET ();
use KafkaTest;
use PinterestTest;
use Test::More;

my $kafka = start_kafka(brokers => 3);

plan skip_all => 'Kafka could not be fetched' if !defined $kafka;

my $node = new_node('kafka_admin');
my @brokers = split /,/, $kafka->bootstrap;

sub create_server
{
	my ($name, $servers) = @_;
	$node->safe_psql('postgres',
		qq(CREATE SERVER $name FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '$servers')));
	return;
}

create_server('kafka', $kafka->bootstrap);
create_server("one$_", $brokers[$_]) foreach 0 .. 2;

#
# Made, described, listed
#
my $describe = q(SELECT split, begins, ends, place ~ '^broker \d at 127.0.0.1:\d+$', state FROM pinterest.describe_source);
$node->safe_psql('postgres', q(SELECT pinterest.create_source('kafka', 'plain')));
$node->safe_psql('postgres', q(SELECT pinterest.create_source('kafka', 'made', 3,
	'{"replication_factor": 3, "cleanup.policy": "compact", "retention.ms": 60000, "preallocate": false, "segment.ms": null}')));
succeeds($node, "$describe('kafka', 'made')", "0|0|0|t|online\n1|0|0|t|online\n2|0|0|t|online", 'a topic with three partitions');
is_deeply([ @{ $kafka->topic_config(name => 'made') }{qw(cleanup.policy retention.ms preallocate)} ], [qw(compact 60000 false)], 'its configuration');
succeeds($node, q(SELECT DISTINCT options FROM pinterest.describe_source('kafka', 'made')),
	'{"preallocate": "false", "retention.ms": 60000, "cleanup.policy": "compact", "retention.bytes": -1, "replication_factor": 3}', 'described');
succeeds($node, q(SELECT pinterest.create_source('kafka', 'twin', 2, options) FROM pinterest.describe_source('kafka', 'made') LIMIT 1;
	SELECT count(*) FROM (SELECT options FROM pinterest.describe_source('kafka', 'made') UNION SELECT options FROM pinterest.describe_source('kafka', 'twin')) AS o;
	SELECT pinterest.drop_source('kafka', 'twin')), "\n1\n", 'one like it');
succeeds($node, q(SELECT options - 'replication_factor' FROM pinterest.describe_source('kafka', 'plain')),
	'{"retention.ms": -1, "cleanup.policy": "delete", "retention.bytes": -1}', 'what the cluster has as default');
$kafka->produce('made', [ map { { value => '{}', key => 'k', partition => $_ } } 0, 0, 1 ]);
succeeds($node, "$describe('kafka', 'made')", "0|0|2|t|online\n1|0|1|t|online\n2|0|0|t|online", 'with messages');
succeeds($node, q(SELECT * FROM pinterest.list_sources('kafka')), "made|3|online\nplain|1|online", 'the list, without Kafka\'s own');

# Each broker knows of it at once, as a new session finds
my $known = 0;
foreach my $round (1 .. 8)
{
	$node->safe_psql('postgres', "SELECT pinterest.create_source('kafka', 'r$round', 6)");
	$known += $node->safe_psql('postgres', "SELECT count(*) FROM pinterest.list_sources('one" . $round % 3 . "') WHERE name = 'r$round' AND splits = 6 AND state = 'online'");
	$node->safe_psql('postgres', "SELECT pinterest.drop_source('one" . $round % 3 . "', 'r$round')");
	$known -= $node->safe_psql('postgres', "SELECT count(*) FROM pinterest.list_sources('one" . ($round + 1) % 3 . "') WHERE name = 'r$round'");
}
is($known, 8, 'what was made is there at once on any broker, what was dropped is gone');
$node->safe_psql('postgres', q(
	SELECT pinterest.create_source('kafka', 'again', 2); SELECT pinterest.drop_source('kafka', 'again');
	SELECT pinterest.create_source('kafka', 'again', 4)));
succeeds($node, q(SELECT count(*) FROM pinterest.describe_source('kafka', 'again')), '4', 'made anew with other partitions');

# More partitions
$node->safe_psql('postgres', q(SELECT pinterest.alter_source('kafka', 'again', 9)));
succeeds($node, q(SELECT count(*), count(parents) FROM pinterest.describe_source('kafka', 'again') WHERE state = 'online'), '9|0', 'more partitions, at once');
succeeds($node, "SELECT splits FROM pinterest.list_sources('one$_') WHERE name = 'again'", '9', "on broker $_") foreach 0 .. 2;

#
# Refused
#
foreach my $change (q(create_source('kafka', 'x')), q(alter_source('kafka', 'made', 9)), q(drop_source('kafka', 'made')))
{
	fails($node, "SET default_transaction_read_only = on; SELECT pinterest.$change",
		{ state => '25006', like => [qr/cannot execute \w+_source\(\) in a read-only transaction/] }, "read only: $change");
}
my @refused = (
	[ q(create_source('kafka', 'made')), '42710', qr/already exists/, 'it is there already' ],
	[ q(create_source('kafka', 'no name')), '22023', qr/Invalid topic/, 'no name' ],
	[ q(create_source('kafka', 'x', 2, '{"nonsense": 1}')), '22023', qr/nonsense/, 'an unknown configuration' ],
	[ q(create_source('kafka', 'x', 2, '{"replication_factor": 4}')), '22023', qr/replication factor/, 'more copies than brokers' ],
	[ q(create_source('kafka', 'x', 2, '{"replication_factor": "many"}')), '22023', qr/replication_factor.*many/, 'no number' ],
	[ q(create_source('kafka', 'x', 2, '{"replication_factor": [1]}')), '22023', qr/string, a number/, 'a list' ],
	[ q(create_source('kafka', 'x', 2, '[]')), '22023', qr/JSON object/, 'options that are none' ],
	[ q(create_source('kafka', 'x', 0)), '22023', qr/splits/, 'no partitions' ],
	[ q(create_source('kafka', 'x', NULL)), '22023', qr/splits/, 'unknown partitions' ],
	[ q(create_source('kafka', 'x', 200000)), '22023', qr/partitions/, 'too many' ],
	[ q(create_source('kafka', NULL)), '22004', qr/name must not be null/, 'no name at all' ],
	[ q(create_source('kafka', '__x')), '42501', qr/Kafka's own/, 'a name of Kafka\'s own' ],
	[ q(drop_source('kafka', '__cluster_metadata')), '42501', qr/Kafka's own/, 'what is Kafka\'s own' ],
	[ q(alter_source('kafka', 'again', 3)), '22023', qr/alter topic "again"/, 'fewer partitions' ],
	[ q(alter_source('kafka', 'again', 0)), '22023', qr/splits/, 'none' ],
	[ q(alter_source('kafka', '__x', 3)), '42501', qr/Kafka's own/, 'more partitions of what is Kafka\'s own' ],
	[ q(alter_source('kafka', 'missing', 3)), '42704', qr/no such topic/, 'more partitions of nothing' ],
	[ q(drop_source('kafka', 'missing')), '42704', qr/no such topic/, 'nothing to drop' ],
	[ q(describe_source('kafka', 'missing')), '42704', qr/does not exist/, 'nothing to describe' ],
	[ q(list_sources('nowhere')), '42704', qr/nowhere/, 'no server' ],
	[ q(list_sources(NULL)), '22004', qr/server must not be null/, 'no server at all' ],);
foreach my $case (@refused)
{
	my ($call, $state, $like, $name) = @$case;
	fails($node, "SELECT pinterest.$call", { state => $state, like => [$like] }, "refused: $name");
}
$node->safe_psql('postgres', q(CREATE SERVER lake FOREIGN DATA WRAPPER s3_json));
fails($node, q(SELECT pinterest.list_sources('lake')), { state => '0A000', like => [qr/IMPORT FOREIGN SCHEMA/] }, 'buckets are not administered');

# Who may
create_server('fixed', $kafka->bootstrap);
$node->safe_psql('postgres', q(ALTER SERVER fixed OPTIONS (ADD updatable 'false')));
fails($node, q(SELECT pinterest.create_source('fixed', 'x')), { state => '55000', like => [qr/updatable/] }, 'nothing is made where nothing may be changed');
fails($node, q(SELECT pinterest.alter_source('fixed', 'made', 9)), { state => '55000' }, 'nor changed');
fails($node, q(SELECT pinterest.drop_source('fixed', 'made')), { state => '55000' }, 'nor dropped');
succeeds($node, q(SELECT count(*) FROM pinterest.list_sources('fixed')), '3', 'but listed');
$node->safe_psql('postgres', 'CREATE ROLE other');
fails($node, "SET ROLE other; SELECT pinterest.$_", { state => '42501' }, "without USAGE: $_")
  foreach q(list_sources('kafka')), q(describe_source('kafka', 'made')), q(create_source('kafka', 'x')), q(alter_source('kafka', 'made', 9)), q(drop_source('kafka', 'made'));
$node->safe_psql('postgres', 'GRANT USAGE ON FOREIGN SERVER kafka TO other');
succeeds($node, q(SET ROLE other; SELECT count(*) FROM pinterest.list_sources('kafka')), '3', 'with it');

# Cancelled
my $mute = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die;
create_server('mute', '127.0.0.1:' . $mute->sockport);
fails($node, "SET statement_timeout = 500; SELECT pinterest.$_", { state => '57014', within => 3 }, "cancelled: $_")
  foreach q(list_sources('mute')), q(describe_source('mute', 'x')), q(create_source('mute', 'x')), q(alter_source('mute', 'x', 2)), q(drop_source('mute', 'x'));

#
# States
#
my $leader = $kafka->leaders(name => 'plain')->{0};
$kafka->kill($leader);
wait_until { $node->safe_psql('postgres', q(SELECT string_agg(state, ' ' ORDER BY name) FROM pinterest.list_sources('kafka') WHERE name <> 'again'))
	eq 'under-replicated offline' } 'the brokers notice';
succeeds($node, q(SELECT split, begins IS NULL, ends IS NULL, place IS NULL, state FROM pinterest.describe_source('kafka', 'plain')),
	'0|t|t|t|offline', 'a partition that nobody leads');

# A stand-in of a cluster, which has no controller to ask
my $mock = start_mock_kafka(topics => { t => 2 });

create_server('mock', $mock->bootstrap);
succeeds($node, q(SELECT split, state, options FROM pinterest.describe_source('mock', 't')),
	qq(0|online|{"replication_factor": 1}\n1|online|{"replication_factor": 1}), 'what is known without a controller');

done_testing();
