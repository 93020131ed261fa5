# Enhanced fan-out: consumers, and what they are sent.  On a scripted server, over
# HTTP/2, answers that go on, break off and end in every way; on ferrokinesis the same
# records as without.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use KinesisTest;
use Math::BigInt;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('kinesis_consumer');
my $kinesis = start_kinesis_fault_server();
my $parent = 'shardId-000000000000';
my $last = Math::BigInt->new(2)->bpow(128)->bdec->bstr;
my $middle = Math::BigInt->new(2)->bpow(127);
my $number = 0;
my $columns = q(n int, k text, shard text OPTIONS (metadata 'shard_id'),
	seq numeric OPTIONS (metadata 'sequence_number'), key text OPTIONS (metadata 'partition_key'),
	at timestamptz OPTIONS (metadata 'arrival_timestamp'), raw bytea OPTIONS (metadata 'data'));

create_kinesis_server($node, 'kinesis', $kinesis->endpoint);

# Replaces the table t, on a stream of these shards, and says what they send
sub stream
{
	my ($shards, %turns) = @_;
	my $name = sprintf('s-%d', ++$number);

	$kinesis->clear;
	$kinesis->stream(name => $name, shards => $shards);
	$kinesis->turns(shard => $_, turns => $turns{$_}) foreach keys %turns;
	$node->safe_psql('postgres',
		"DROP FOREIGN TABLE IF EXISTS t; CREATE FOREIGN TABLE t ($columns) SERVER kinesis OPTIONS (stream '$name', consumer 'fan')");
	$kinesis->counters;
	return $name;
}

sub shard
{
	my ($id, $from, $to, %with) = @_;

	return { id => $id, range => [ 0, $last ], records => [ map { { data => qq({"n":$_}) } } $from .. $to ], %with };
}

my $all = 'SELECT count(*), sum(n) FROM t';
my $true = JSON::PP::true;

# --- one consumer, from its registration to the last shard

stream(
	[
		shard($parent, 1, 3, closed => $true, batch => 1),
		shard('shardId-000000000001', 4, 6, parents => [$parent], range => [ 0, $middle->copy->bdec->bstr ], batch => 2),
		shard('shardId-000000000002', 7, 9, parents => [$parent], range => [ $middle->bstr, $last ])
	]);
succeeds($node, q(SELECT string_agg(n::text, ' ' ORDER BY n), count(DISTINCT shard) FROM t), '1 2 3 4 5 6 7 8 9|3',
	'all shards, each to its end');
my $counters = $kinesis->counters;
is_deeply([ @$counters{qw(RegisterStreamConsumer SubscribeToShard GetRecords GetShardIterator)} ], [ 1, 3, undef, undef ],
	'the consumer was registered, and nothing else asked for records');
succeeds($node, q(SELECT array_agg(n) FROM (SELECT n FROM t LIMIT 3) x), '{1,2,3}', 'parents before children');
is($kinesis->counters->{RegisterStreamConsumer}, undef, 'once');

$kinesis->set(looks => 3);
stream([ shard($parent, 1, 2) ]);
succeeds($node, $all, '2|3', 'a consumer that takes time to become active');
$kinesis->set(looks => 1);

# --- what events are, and are not

stream([ shard($parent, 1, 5) ],
	$parent => [ [ { pieces => 1 }, { send => 2 }, { empty => 900 }, { pieces => 7 }, { send => 3 }, { empty => 0 } ] ]);
succeeds($node, $all, '5|15', 'events in pieces');

stream([ shard($parent, 1, 4) ],
	$parent => [ [ map({ { empty => 1000 - $_ } } 1 .. 50), { send => 4 }, { empty => 500 }, { empty => 0 } ] ]);
succeeds($node, $all, '4|10', 'empty events in the middle of a shard');

stream([ shard($parent, 1, 1, records => [ map { { data => '{"n":1,"k":"' . 'x' x 1_000_000 . '"}' } } 1 .. 8 ]) ],
	$parent => [ [ { send => 5 }, { pieces => 999 }, { send => 3, last => $true } ] ]);
succeeds($node, 'SELECT count(*), sum(length(k)) FROM t', '8|8000000', 'large records');

stream([ shard($parent, 1, 1, records => [ map { { data => '{"n":1,"k":"' . 'x' x 1_000_000 . '"}' } } 1 .. 30 ]) ],
	$parent => [ [ { send => 30, last => $true } ] ]);
succeeds($node, 'SELECT count(*), sum(length(k)) FROM t', '30|30000000', 'an event that is larger than the specification allows');

stream([ shard($parent, 1, 2) ], $parent => [ [ { bytes => '00000010000000007a3e4b1c98b94f6d' } ] ]);
fails($node, $all, { state => 'HV000', like => [qr/not valid for SubscribeToShard/] }, 'no message');
foreach my $byte (3, 9, 20, 150)
{
	stream([ shard($parent, 1, 2) ], $parent => [ [ { spoil => $byte }, { send => 2 }, { empty => 0 } ] ]);
	fails($node, $all, { state => 'HV000', like => [qr/not valid for SubscribeToShard/] }, "byte $byte of a message is changed");
}

# --- subscriptions end, and are renewed

stream([ shard($parent, 1, 6) ],
	$parent => [ [ { send => 2 }, { end => 1 } ], [ { send => 1 }, { empty => 100 }, { end => 1 } ], [ { send => 3, last => $true } ] ]);
succeeds($node, $all, '6|21', 'the service ends subscriptions');
is_deeply(
	[ map { $_->{Type} . ($_->{SequenceNumber} // '') } @{ $kinesis->counters->{positions} } ],
	[qw(TRIM_HORIZON AFTER_SEQUENCE_NUMBER1001 AFTER_SEQUENCE_NUMBER1002)],
	'and each begins where the one before has ended');

foreach my $way ([ { half => $true }, { send => 1 } ], [ { reset => 1 } ])
{
	stream([ shard($parent, 1, 6) ], $parent => [ [ { send => 3 }, @$way ] ]);
	succeeds($node, $all, '6|21', 'an answer that breaks off: ' . join(' ', map { keys %$_ } @$way));
}

stream([ shard($parent, 1, 4) ],
	$parent => [
		[ { refuse => 'ResourceInUseException', message => 'Another active subscription exists' } ],
		[ { send => 1 }, { error => 'ResourceInUseException', message => 'taken over' } ],
		[ { send => 1 }, { error => 'InternalFailureException', type => 'error', message => 'Sorry' } ] ]);
like(
	$node->safe_psql('postgres', "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM t"),
	qr/actual rows=4.*Stream: s-\d+\n\s+Consumer: fan\n.*Get Requests: 4\n.*Throttled: 3/s,
	'refusals that pass');

foreach my $type (qw(exception error))
{
	stream([ shard($parent, 1, 4) ],
		$parent => [ [ { send => 1 }, { error => 'KMSAccessDeniedException', type => $type, message => 'No key' } ] ]);
	fails($node, $all, { state => '42501', like => [qr/KMSAccessDeniedException/, qr/No key/] }, "a refusal that does not: $type");
}

$node->safe_psql('postgres', 'ALTER DATABASE postgres SET pinterest.shard_timeout = 1500');
stream([ shard($parent, 1, 2) ], $parent => [ map { [ { end => 1 } ] } 1 .. 20 ]);
fails($node, $all, { state => '08006', like => [qr/returned no records for too long/] }, 'subscriptions that bring nothing');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET pinterest.shard_timeout');

# --- what is wanted

stream([ shard($parent, 1, 9) ]);
succeeds($node, "$all WHERE seq > 1003 AND seq <= 1006", '3|18', 'a range of sequence numbers');
is($kinesis->counters->{positions}->[0]->{SequenceNumber}, 1003, 'is subscribed to from its beginning');
succeeds($node, "$all WHERE seq > 500", '9|45', 'from a number that is none of the shard');
succeeds($node, "$all WHERE at > now() - interval '1 hour'", '9|45', 'from a time');
is($kinesis->counters->{positions}->[-1]->{Type}, 'AT_TIMESTAMP', 'is subscribed to from there');

stream([ shard($parent, 1, 3) ], $parent => [ [ { send => 2 } ] ]);
succeeds($node, 'SELECT count(*) FROM (SELECT * FROM t LIMIT 2) x', 2, 'LIMIT does not wait for more');
$kinesis->turns(shard => $parent, turns => [ [ { send => 2 } ] ]);
fails($node, "SET statement_timeout = 500; $all", { state => '57014', within => 3 }, 'a subscription that rests is cancelled');

stream([ shard($parent, 1, 1, records => [ { data => '{"n":1}' }, { data => '{"n":2}', at => 4e12 } ]) ],
	$parent => [ [ { send => 2 }, { wait => 60 } ] ]);
succeeds($node, $all, '1|1', 'what arrives after the snapshot ends it');

# --- a stream of the extension reads on by a consumer

my $name = stream([ shard($parent, 1, 5) ]);
$node->safe_psql('postgres',
	"CREATE TABLE landed (n int); SELECT pinterest.create_stream('landed', 't', 'landed'); SELECT pinterest.pull_stream('landed')");
$kinesis->add(name => $name, shard => $parent, records => [ { data => '{"n":6}' }, { data => '{"n":7}' } ]);
succeeds($node, q(SELECT pinterest.pull_stream('landed'); SELECT count(*), sum(n) FROM landed), "2\n7|28", 'each record once');

# --- ferrokinesis

my $emulator = start_kinesis('ferrokinesis');

SKIP:
{
	skip 'no ferrokinesis', 9 if !defined $emulator;
	create_kinesis_server($node, 'emulator', $emulator->endpoint, options => "consumer 'fan'");
	$node->safe_psql(
		'postgres', qq(
		ALTER DATABASE postgres SET pinterest.kinesis_pacing = off;
		SELECT pinterest.create_source('emulator', 'many', 3);
		CREATE FOREIGN TABLE sent ($columns) SERVER emulator OPTIONS (stream 'many');
		INSERT INTO sent (n, k) SELECT g, repeat('x', g % 200) FROM generate_series(1, 45000) g;));
	my $sent = $node->safe_psql('postgres', 'SELECT count(*), sum(n), md5(string_agg(sent::text, $$$$ ORDER BY seq)) FROM sent');
	like($sent, qr/^45000\|1012522500\|/, 'more than one event a shard');
	my $arn = $emulator->call('DescribeStreamSummary', { StreamName => 'many' })->{StreamDescriptionSummary}{StreamARN};
	my $consumer = $emulator->call('DescribeStreamConsumer', { StreamARN => $arn, ConsumerName => 'fan' });
	$node->safe_psql('postgres', "ALTER FOREIGN TABLE sent OPTIONS (ADD consumer '$consumer->{ConsumerDescription}{ConsumerARN}')");
	succeeds($node, 'SELECT count(*), sum(n), md5(string_agg(sent::text, $$$$ ORDER BY seq)) FROM sent', $sent, 'by the ARN of the consumer');
	$node->safe_psql('postgres', 'ALTER SERVER emulator OPTIONS (DROP consumer); ALTER FOREIGN TABLE sent OPTIONS (DROP consumer)');
	succeeds($node, 'SELECT count(*), sum(n), md5(string_agg(sent::text, $$$$ ORDER BY seq)) FROM sent', $sent, 'the same as without');

	# TLS: a server that knows HTTP/2, and one that does not
	my $folder = PostgreSQL::Test::Utils::tempdir('tls');
	system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=proxy',
		'-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', "$folder/key.pem", '-out', "$folder/cert.pem");
	foreach my $protocol (qw(h2 http/1.1))
	{
		my $log = "$folder/" . $protocol =~ tr/a-z0-9//cdr;
		my ($target) = $emulator->endpoint =~ m{http://(.*)};
		my $proxy = PinterestTest::start_server('PinterestTest::FaultServer', 'tls_proxy.py', "$folder/cert.pem", "$folder/key.pem",
			$target, $log, $protocol eq 'h2' ? ('h2', 'http/1.1') : $protocol);

		$node->safe_psql('postgres',
			"ALTER SERVER emulator OPTIONS (SET endpoint '" . $proxy->endpoint . "'); "
			  . ($protocol eq 'h2' ? "ALTER SERVER emulator OPTIONS (ADD consumer 'fan', ADD ca_file '$folder/cert.pem')" : ''));
		succeeds($node, 'SELECT count(*), sum(n), md5(string_agg(sent::text, $$$$ ORDER BY seq)) FROM sent', $sent, "with TLS, $protocol");
		my %chosen = map { $_ => 1 } split(/\n/, slurp_file($log));
		is_deeply(\%chosen, { 'http/1.1' => 1, $protocol => 1 }, 'subscriptions ask for HTTP/2, and nothing else does');
	}
	$node->safe_psql('postgres', "ALTER SERVER emulator OPTIONS (SET endpoint '" . $emulator->endpoint . "')");
	$node->safe_psql('postgres', q(ALTER FOREIGN TABLE sent OPTIONS (ADD consumer 'arn:aws:kinesis:us-east-1:000000000000:stream/many/consumer/none:1')));
	fails($node, 'SELECT * FROM sent', { state => 'HV00R|42704|HV000|58030|42P01', like => [qr/ResourceNotFoundException/] }, 'a consumer that there is not');
	succeeds($node, q(SELECT pinterest.drop_source('emulator', 'many'); SELECT count(*) FROM pinterest.list_sources('emulator')), "\n0",
		'a stream with consumers is dropped');
}

done_testing();
