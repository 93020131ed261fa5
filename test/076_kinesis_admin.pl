# Streams made, listed, described, changed and dropped in SQL: on two Kinesis servers,
# and on a scripted one for what these do not do.

use strict;
use warnings;

use lib 'test/lib';
use IPC::Run ();
use JSON::PP ();
use KinesisTest;
use PinterestTest;
use Test::More;
use Time::HiRes ();

my $node = new_node('kinesis_admin');
my $describe = q(SELECT split, begins > 0, ends > 0, place, state, parents FROM pinterest.describe_source);

foreach my $kind (qw(ferrokinesis kinesis-local))
{
	# Long enough to be seen in the making
	my $kinesis = start_kinesis($kind, STATE_MS => 300);
	my $server = $kind =~ tr/-/_/r;

	if (!$kinesis)
	{
	  SKIP: { skip "no $kind here", 1; }
		next;
	}
	create_kinesis_server($node, $server, $kinesis->endpoint);
	my $status = sub { return $kinesis->call('DescribeStreamSummary', { StreamName => $_[0] })->{StreamDescriptionSummary}; };

	# --- made, described, listed

	$node->safe_psql('postgres', "SELECT pinterest.create_source('$server', 'made', 2)");
	is($status->('made')->{StreamStatus}, 'ACTIVE', "$kind: it can be used at once");
	my ($middle, $behind) = map { $_->{HashKeyRange} } $kinesis->shards('made');
	succeeds(
		$node,
		"$describe('$server', 'made')",
		"shardId-000000000000|t||hash keys 0 to $middle->{EndingHashKey}|open|\n"
		  . "shardId-000000000001|t||hash keys $behind->{StartingHashKey} to 340282366920938463463374607431768211455|open|",
		"$kind: two shards");
	$node->safe_psql('postgres', qq(SELECT pinterest.create_source('$server', 'kept', options => '{"RetentionPeriodHours": 48, "StreamMode": "PROVISIONED"}')));
	is($status->('kept')->{RetentionPeriodHours}, 48, "$kind: retention");
	succeeds($node, "SELECT options ->> 'RetentionPeriodHours' FROM pinterest.describe_source('$server', 'kept')", 48, "$kind: described");
	succeeds($node, "SELECT * FROM pinterest.list_sources('$server')", "kept|1|ACTIVE\nmade|2|ACTIVE", "$kind: the list");

	# --- split, merged

	$kinesis->put('made', [ a => '{"n":1}' ]);
	$kinesis->split('made', 'shardId-000000000001');
	$kinesis->merge('made', 'shardId-000000000000', 'shardId-000000000002');
	succeeds(
		$node,
		"SELECT split, ends IS NULL, state, parents FROM pinterest.describe_source('$server', 'made')",
		"shardId-000000000000|f|closed|\nshardId-000000000001|f|closed|\nshardId-000000000002|f|closed|{shardId-000000000001}\n"
		  . "shardId-000000000003|t|open|{shardId-000000000001}\nshardId-000000000004|t|open|{shardId-000000000000,shardId-000000000002}",
		"$kind: shards and their parents");
	$node->safe_psql('postgres', "SELECT pinterest.alter_source('$server', 'made', 4)");
	is($status->('made')->{StreamStatus}, 'ACTIVE', "$kind: changed, and to be used at once");
	succeeds($node, "SELECT splits FROM pinterest.list_sources('$server') WHERE name = 'made'", '4', "$kind: as many shards as were asked for");
	$node->safe_psql('postgres', qq(CREATE FOREIGN TABLE t_$server (n int) SERVER $server OPTIONS (stream 'made')));
	succeeds($node, "SELECT n FROM t_$server", '1', "$kind: what was in it still is");

	# --- dropped, made anew

	$node->safe_psql('postgres', "SELECT pinterest.drop_source('$server', 'made')");
	ok(!eval { $status->('made'); 1 }, "$kind: what was dropped is gone at once");
	$node->safe_psql('postgres', "SELECT pinterest.create_source('$server', 'made', 3)");
	succeeds($node, "SELECT count(*) FROM pinterest.describe_source('$server', 'made')", '3', "$kind: made anew");

	# --- refused

	my @refused = (
		[ q('made'), '42710', qr/"made" already exists/, 'it is there already' ],
		[ q('x', 1000000), '22023|53400', qr/could not create stream "x"/, 'more shards than there may be' ],);
	fails($node, "SELECT pinterest.create_source('$server', $_->[0])", { state => $_->[1], like => [ $_->[2] ] }, "$kind: refused: $_->[3]")
	  foreach @refused;
	fails($node, "SELECT pinterest.$_->[0]('$server', $_->[1])", { state => '42704', like => [qr/missing/] }, "$kind: there is none: $_->[0]")
	  foreach [ describe_source => "'missing'" ], [ drop_source => "'missing'" ], [ alter_source => "'missing', 2" ];
	fails($node, "SET statement_timeout = 100; SELECT pinterest.create_source('$server', 'late')", { state => '57014', within => 3 }, "$kind: cancelled");
	$kinesis->wait_until_active('late');
	pass("$kind: what was asked for by then has come to pass");
}

# As many shards as it takes; ferrokinesis cannot
if (my $kinesis = start_kinesis('kinesis-local'))
{
	create_kinesis_server($node, 'demand', $kinesis->endpoint);
	$node->safe_psql('postgres', q(SELECT pinterest.create_source('demand', 's', options => '{"StreamMode": "ON_DEMAND"}')));
	is($kinesis->call('DescribeStreamSummary', { StreamName => 's' })->{StreamDescriptionSummary}{StreamModeDetails}{StreamMode}, 'ON_DEMAND', 'a stream on demand');
	succeeds($node, q(SELECT DISTINCT options FROM pinterest.describe_source('demand', 's')), '{"StreamMode": "ON_DEMAND", "RetentionPeriodHours": 24}', 'described');
}

#
# Through an API gateway
#
if (my $kinesis = start_kinesis('ferrokinesis', STATE_MS => 300))
{
	my $gateway = start_api_gateway($kinesis);
	my $url = $gateway->url;

	$node->safe_psql('postgres', qq(CREATE SERVER gateway FOREIGN DATA WRAPPER kinesis_json OPTIONS (api_gateway '$url')));
	$node->safe_psql('postgres', q(SELECT pinterest.create_source('gateway', 'made', 2)));
	is($kinesis->call('DescribeStreamSummary', { StreamName => 'made' })->{StreamDescriptionSummary}{StreamStatus}, 'ACTIVE', 'gateway: it can be used at once');
	like($gateway->log, qr{^POST /test/streams/made unsigned 200\n(?:GET /test/streams/made unsigned 200\n){2,}$}, 'gateway: what it is asked');
	succeeds($node, q(SELECT * FROM pinterest.list_sources('gateway')), 'made|2|ACTIVE', 'gateway: the list');
	$kinesis->split('made', 'shardId-000000000001');
	succeeds($node, q(SELECT split, begins > 0, ends > 0, place ~ '^hash keys \d+ to \d+$', state, parents FROM pinterest.describe_source('gateway', 'made')),
		"shardId-000000000000|t||t|open|\nshardId-000000000001|t|t|t|closed|\n"
		  . "shardId-000000000002|t||t|open|{shardId-000000000001}\nshardId-000000000003|t||t|open|{shardId-000000000001}",
		'gateway: its shards');
	succeeds($node, q(SELECT DISTINCT options ->> 'RetentionPeriodHours' FROM pinterest.describe_source('gateway', 'made')), 24, 'gateway: its options');
	succeeds($node, q(SELECT * FROM pinterest.list_sources('gateway')), 'made|3|ACTIVE', 'gateway: those that are open');
	foreach my $plain ('false', 'true')
	{
		$gateway->set(plain_200 => $plain eq 'true' ? JSON::PP::true() : JSON::PP::false());
		fails($node, q(SELECT pinterest.create_source('gateway', 'made')), { state => '42710', like => [qr/"made" already exists/] }, "gateway: it is there already ($plain)");
		fails($node, qq(SELECT pinterest.$_('gateway', 'missing')), { state => '42704', like => [qr/missing/] }, "gateway: there is none: $_ ($plain)")
		  foreach qw(describe_source drop_source);
	}
	$node->safe_psql('postgres', q(SELECT pinterest.drop_source('gateway', 'made')));
	ok(!eval { $kinesis->call('DescribeStreamSummary', { StreamName => 'made' }); 1 }, 'gateway: what was dropped is gone at once');
	fails($node, "SELECT pinterest.$_", { state => '0A000', like => [qr/through an API gateway/] }, "gateway: refused: $_")
	  foreach q(alter_source('gateway', 'made', 2)), q(create_source('gateway', 'x', options => '{"RetentionPeriodHours": 48}')),
	  q(create_source('gateway', 'x', options => '{"StreamMode": "ON_DEMAND"}'));
	$gateway->reset;
	$gateway->set(unsigned => JSON::PP::false());
	fails($node, q(SELECT pinterest.list_sources('gateway')), { state => '42501', like => [qr/Missing Authentication Token/] }, 'gateway: unsigned, refused');
	$node->safe_psql('postgres', q(CREATE USER MAPPING FOR CURRENT_USER SERVER gateway OPTIONS (access_key_id 'AKIDTEST', secret_access_key 'secretkeytest123')));
	$gateway->log;
	succeeds($node, q(SELECT count(*) FROM pinterest.list_sources('gateway')), '0', 'gateway: signed');
	is($gateway->log, "GET /test/streams signed 200\n", 'gateway: as it heard');
	$kinesis->create_stream('wide', 120);
	my (undef, $out, $err) = $node->psql('postgres', q(SELECT name, splits FROM pinterest.list_sources('gateway'); SELECT count(*) FROM pinterest.describe_source('gateway', 'wide')));
	is($out, "wide|\n100", 'gateway: a stream of more shards than it tells of');
	like($err, qr/WARNING:.*first 100 shards of "wide"/, 'gateway: and that is said');
	$gateway->set(hang => JSON::PP::true());
	fails($node, "SET statement_timeout = 500; SELECT pinterest.$_", { state => '57014', within => 3 }, "gateway: no answer: $_")
	  foreach q(list_sources('gateway')), q(describe_source('gateway', 'x')), q(create_source('gateway', 'x')), q(drop_source('gateway', 'x'));
}

#
# What only a scripted server does
#
my $scripted = start_kinesis_fault_server();

create_kinesis_server($node, 'scripted', $scripted->endpoint);
my $asked = sub { my $counters = $scripted->counters; return join ' ', map { $counters->{$_} // 0 } @_; };
my $refuse = sub { my ($op, $type, %more) = @_; return $scripted->fault(fault => 'error', op => $op, status => 400, type => $type, message => 'so it is', %more); };

# Many pages
$scripted->stream(name => 'many', copies => 249, shards => [ { id => 'shardId-000000000000' } ]);
succeeds($node, q(SELECT count(*), count(DISTINCT name), min(name), max(name), sum(splits) FROM pinterest.list_sources('scripted')),
	'250|250|many|many249|250', 'a list of three pages');
is($asked->(qw(ListStreams DescribeStreamSummary)), '3 250', 'each is looked up once');
$refuse->('DescribeStreamSummary', 'ResourceNotFoundException', times => 1);
succeeds($node, q(SELECT count(*), min(name) FROM pinterest.list_sources('scripted')), '249|many001', 'one that goes while the list is made is left out');
$scripted->stream(name => 'wide', page => 10, shards => [ map { { id => sprintf('shardId-%012d', $_) } } 0 .. 24 ]);
succeeds($node, q(SELECT count(*), count(DISTINCT split) FROM pinterest.describe_source('scripted', 'wide')), '25|25', 'shards of three pages');

# In the making
$scripted->set(looks => 4);
$scripted->counters;
$node->safe_psql('postgres', q(SELECT pinterest.create_source('scripted', 'slow', 2)));
is($asked->(qw(CreateStream DescribeStreamSummary)), '1 5', 'it is looked at until it is active');
$node->safe_psql('postgres', q(SELECT pinterest.drop_source('scripted', 'slow')));
is($asked->(qw(DeleteStream DescribeStreamSummary)), '1 5', 'or gone');
$scripted->set(looks => 1_000_000);
fails($node, q(SET statement_timeout = 1500; SELECT pinterest.create_source('scripted', 'stuck')), { state => '57014', within => 3 }, 'one that is never ready: cancelled');
fails($node, q(SET statement_timeout = 1500; SELECT pinterest.drop_source('scripted', 'stuck')), { state => '57014', within => 3 }, 'one that never goes: cancelled');
succeeds($node, q(SELECT state FROM pinterest.list_sources('scripted') WHERE name = 'stuck'), 'DELETING', 'as the list tells');
my $dropper = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', q(SELECT pinterest.drop_source('scripted', 'stuck')) ], '>', \my $out, '2>', \my $err);
$scripted->counters;
for (1 .. 500) { last if ($scripted->counters->{DescribeStreamSummary} // 0) > 0; Time::HiRes::sleep(0.02); }
$scripted->stream(name => 'stuck', created => 1800000000000, shards => [ { id => 'shardId-000000000000' } ]);
ok($dropper->finish, 'dropped, though another of that name has been made meanwhile') or diag($err);
$scripted->set(looks => 1);

# Refused for a while, or for good
$scripted->counters;
$refuse->('CreateStream', 'LimitExceededException', times => 2);
$node->safe_psql('postgres', q(SELECT pinterest.create_source('scripted', 'throttled')));
is($asked->('CreateStream'), '3', 'a stream is asked for again when the service has enough to do');
$refuse->('CreateStream', 'LimitExceededException', times => 100);
fails($node, q(SET pinterest.max_retries = 2; SELECT pinterest.create_source('scripted', 'x')), { state => '53400', like => [ qr/LimitExceededException/, qr/so it is/, qr/sent 3 times/ ] }, 'too many');
$scripted->clear;
$scripted->fault(fault => 'close', op => 'DescribeStreamSummary', times => 2);
$node->safe_psql('postgres', q(SELECT pinterest.create_source('scripted', 'cut')));
pass('connections that break do no harm');
foreach my $case (
	[ "create_source('scripted', 'x')", 'CreateStream' ],
	[ "alter_source('scripted', 'cut', 2)", 'UpdateShardCount' ],
	[ "drop_source('scripted', 'cut')", 'DeleteStream' ],
	[ "describe_source('scripted', 'cut')", 'ListShards' ],
	[ "list_sources('scripted')", 'ListStreams' ])
{
	my ($call, $op) = @$case;

	$refuse->($op, 'AccessDeniedException');
	fails($node, "SELECT pinterest.$call", { state => '42501', like => [qr/so it is/] }, "without permission: $op");
	$scripted->clear;
	$scripted->fault(fault => 'hang', op => $op);
	fails($node, "SET statement_timeout = 500; SELECT pinterest.$call", { state => '57014', within => 3 }, "no answer: $op");
	$scripted->clear;
}
$refuse->('DeleteStream', 'ResourceInUseException');
fails($node, q(SELECT pinterest.drop_source('scripted', 'cut')), { state => '55006', like => [qr/consumers/] }, 'one that is in use');
$scripted->clear;
$refuse->('IncreaseStreamRetentionPeriod', 'InvalidArgumentException');
fails($node, q(SELECT pinterest.create_source('scripted', 'half', options => '{"RetentionPeriodHours": 48}')), { state => '22023', like => [qr/could not set the retention of stream "half"/] }, 'what could not be done is told');
$scripted->clear;

#
# What needs no server
#
$scripted->counters;
foreach my $case (
	[ q('a b'), qr/invalid stream name.*"a b"/ ], [ q(''), qr/invalid stream name/ ], [ q(repeat('x', 129)), qr/invalid stream name/ ],
	[ q('arn:aws:kinesis:us-east-1:123456789012:stream/x'), qr/invalid stream name/ ],
	[ q('x', 0), qr/splits/ ], [ q('x', 2, '{"retention.ms": 1}'), qr/"retention\.ms".*"RetentionPeriodHours"/s ],
	[ q('x', 2, '{"StreamMode": "ON_DEMAND"}'), qr/splits/ ], [ q('x', 1, '{"StreamMode": "on"}'), qr/ON_DEMAND/ ],
	map { [ qq('x', 1, '{"RetentionPeriodHours": $_}'), qr/24 to 8760/ ] } qw(23 8761 24.5 -30 true))
{
	my ($arguments, $like) = @$case;
	fails($node, "SELECT pinterest.create_source('scripted', $arguments)", { state => '22023', like => [$like] }, "refused: $arguments");
}
fails($node, "SELECT pinterest.$_", { state => '22023', like => [qr/invalid stream name/] }, "refused: $_")
  foreach q(drop_source('scripted', 'a b')), q(describe_source('scripted', 'a b')), q(alter_source('scripted', 'a b', 2));
is($asked->(qw(CreateStream DeleteStream UpdateShardCount ListShards)), '0 0 0 0', 'and nobody asked');
$node->safe_psql('postgres', q(ALTER SERVER scripted OPTIONS (ADD updatable 'false')));
fails($node, "SELECT pinterest.$_", { state => '55000', like => [qr/updatable/] }, "nothing may be changed: $_")
  foreach q(create_source('scripted', 'x')), q(drop_source('scripted', 'cut')), q(alter_source('scripted', 'cut', 2));
succeeds($node, q(SELECT count(*) > 0 FROM pinterest.list_sources('scripted')), 't', 'but listed');
succeeds($node, q(SELECT count(*) FROM pinterest.describe_source('scripted', 'arn:aws:kinesis:us-east-1:123456789012:stream/cut')), '1', 'an ARN in place of a name');

done_testing();
