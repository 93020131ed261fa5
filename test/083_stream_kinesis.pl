# Streams over Kinesis: each record once, also while shards are split and merged, and
# with what the service removes.

use strict;
use warnings;

use lib 'test/lib';
use KinesisTest;
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('stream_kinesis');

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql); }

sql(q(ALTER DATABASE postgres SET pinterest.kinesis_pacing = off));

# stream NAME, SERVER, [ARGUMENTS]: a table, and a stream into it from the Kinesis
# stream of this name
sub stream
{
	my ($name, $server, $arguments) = @_;
	return sql(qq(CREATE FOREIGN TABLE ${name}_source (n int, k text, shard text OPTIONS (metadata 'shard_id'), seq numeric OPTIONS (metadata 'sequence_number'),
			sub bigint OPTIONS (metadata 'sub_sequence_number')) SERVER $server OPTIONS (stream '$name');
		CREATE TABLE $name (id bigserial, n int, k text, shard text, seq numeric, sub bigint);
		SELECT pinterest.create_stream('$name', '${name}_source', '$name'@{[ $arguments ? ", $arguments" : '' ]})));
}

sub pulls
{
	my ($name, $rows, $test) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return succeeds($node, "SELECT pinterest.pull_stream('$name')", $rows, $test);
}

my @keys = map { "key$_" } 1 .. 8;
my $number = 0;

# Puts so many records, each key's numbered in their order
sub put
{
	my ($kinesis, $stream, $count) = @_;
	return $kinesis->put($stream, map { my $key = $keys[ ++$number % @keys ]; [ $key, qq({"n":$number,"k":"$key"}) ] } 1 .. $count);
}

#
# Two servers, with splits and merges
#
foreach my $kind (qw(ferrokinesis kinesis-local))
{
	my $kinesis = start_kinesis($kind);
	my $server = $kind =~ s/-/_/r;
	my $name = "s_$server";

	SKIP:
	{
		skip "$kind is not to be had", 1 if !defined $kinesis;
		create_kinesis_server($node, $server, $kinesis->endpoint);
		$kinesis->create_stream($name, 2);
		stream($name, $server);
		$number = 0;
		pulls($name, 0, "$kind: nothing yet");
		put($kinesis, $name, 100);
		pulls($name, 100, "$kind: all there is");
		pulls($name, 0, "$kind: and nothing twice");
		put($kinesis, $name, 50);
		sql(qq(BEGIN; SELECT pinterest.pull_stream('$name'); ROLLBACK));
		succeeds($node, "SELECT pinterest.pull_stream('$name', 7) + pinterest.pull_stream('$name', 20)", 27, "$kind: so many records");
		$kinesis->split($name, 'shardId-000000000000');
		put($kinesis, $name, 50);
		succeeds($node, "SELECT pinterest.pull_stream('$name', 30)", 30, "$kind: after a split");
		$kinesis->merge($name, 'shardId-000000000002', 'shardId-000000000003');
		put($kinesis, $name, 50);
		pulls($name, 93, "$kind: and a merge, the rest");
		pulls($name, 0, "$kind: nothing more");
		put($kinesis, $name, 10);
		pulls($name, 10, "$kind: and what comes then");
		succeeds($node, "SELECT count(*), count(DISTINCT n), min(n), max(n) FROM $name", '260|260|1|260', "$kind: each record once");
		succeeds($node, "SELECT count(*) FROM (SELECT n < lag(n) OVER (PARTITION BY k ORDER BY id) AS wrong FROM $name) AS s WHERE wrong", 0,
			"$kind: each key in its order");
		succeeds($node, "SELECT split FROM pinterest.stream_position WHERE stream = '$name' AND position = 'SHARD_END' ORDER BY split",
			"shardId-000000000000\nshardId-000000000002\nshardId-000000000003", "$kind: shards that have been read to their end");

		# Records that are put together
		$kinesis->create_stream("${name}_kpl", 1);
		stream("${name}_kpl", $server);
		$kinesis->put("${name}_kpl", map { [ k => kpl_aggregate(map { [ 'k', qq({"n":$_}) ] } 3 * $_ .. 3 * $_ + 2) ] } 0 .. 3);
		succeeds($node, "SELECT pinterest.pull_stream('${name}_kpl', 4)", 6, "$kind: whole aggregates");
		pulls("${name}_kpl", 6, "$kind: and the others");
		succeeds($node, "SELECT string_agg(n::text, ' ' ORDER BY n) FROM ${name}_kpl", join(' ', 0 .. 11), "$kind: each user record once");

		# Made anew
		$kinesis->delete_stream($name);
		$kinesis->create_stream($name, 1);
		put($kinesis, $name, 5);
		fails($node, "SELECT pinterest.pull_stream('$name')", { state => '55000', like => [qr/The stream was deleted and created again/] }, "$kind: a stream made anew");
		sql(qq(SELECT pinterest.reset_stream('$name')));
		pulls($name, 5, "$kind: read from its beginning");
	}
}

#
# What the service removes
#
my $faults = start_kinesis_fault_server();
create_kinesis_server($node, 'faults', $faults->endpoint);
my $now = time * 1000;

$faults->stream(name => 'gap', created => $now - 100 * 3600_000, shards => [
	{ id => 'shardId-000000000000', closed => JSON::PP::true, records => [ map { { data => qq({"n":$_}), at => $now - 3600_000 } } 1 .. 4 ] },
	{ id => 'shardId-000000000001', parents => ['shardId-000000000000'], records => [ map { { data => qq({"n":$_}) } } 5 .. 8 ] } ]);
stream('gap', 'faults');
succeeds($node, q(SELECT pinterest.pull_stream('gap', 2)), 2, 'a part of a shard');
sql(qq(UPDATE pinterest._stream_position SET mark = @{[ $now - 100 * 3600_000 ]} || ' ' || @{[ $now - 25 * 3600_000 ]}));
$faults->trim(name => 'gap', shard => 'shardId-000000000000', to => 3);
fails($node, q(SELECT pinterest.pull_stream('gap')),
	{ state => '55000', like => [ qr/split "shardId-000000000000" are gone/, qr/keeps records for 24 hours; those that arrived from/ ] }, 'records that may have been removed');
sql(q(UPDATE pinterest._stream SET on_gap = 'skip'));
pulls('gap', 5, 'what is left, with on_gap skip');
succeeds($node, q(SELECT string_agg(n::text, ' ' ORDER BY id) FROM gap), '1 2 4 5 6 7 8', 'nothing twice');
succeeds($node, q(SELECT split, first ~ '^\d+$', last IS NULL FROM pinterest.stream_gap ORDER BY split), "shardId-000000000000|t|t\nshardId-000000000001|f|t", 'the gap is recorded, of its child as well');
pulls('gap', 0, 'once');

# A shard that goes
sql(q(UPDATE pinterest._stream SET on_gap = 'stop'; DELETE FROM pinterest.stream_gap));
sql(q(UPDATE pinterest._stream_position SET split = 'shardId-000000000009' WHERE split = 'shardId-000000000001'));
fails($node, q(SELECT pinterest.pull_stream('gap')), { state => '55000', like => [qr/shardId-000000000009.*does not exist any more/s] }, 'a shard that is no more');

# Positions by hand
fails($node, q(SELECT pinterest.reset_stream('gap', split => 'shardId-000000000001', at => 'x')), { state => '22023', like => [qr/TRIM_HORIZON/] }, 'no position');
sql(q(SELECT pinterest.reset_stream('gap'); SELECT pinterest.reset_stream('gap', split => 'shardId-000000000000', at => 'SHARD_END');
	SELECT pinterest.reset_stream('gap', split => 'shardId-000000000001', at => seq::text) FROM gap WHERE n = 6));
pulls('gap', 2, 'from there on');
sql(qq(SELECT pinterest.reset_stream('gap', since => now() - interval '10 minutes')));
pulls('gap', 4, 'from a time on');

# Answers that break off
$faults->stream(name => 'broken', shards => [ map { { id => "shardId-00000000000$_", range => [ $_ * 10, $_ == 2 ? '340282366920938463463374607431768211455' : $_ * 10 + 9 ],
	batch => 50, records => [ map { { data => qq({"n":$_}) } } 1 .. 500 ] } } 0 .. 2 ]);
stream('broken', 'faults');
$faults->fault(fault => 'half', op => 'GetRecords', times => 5);
succeeds($node, q(SELECT pinterest.pull_stream('broken', 700) >= 700), 't', 'in spite of answers that break off');
sql(q(SELECT pinterest.pull_stream('broken')));
succeeds($node, 'SELECT count(*), count(DISTINCT (shard, seq)) FROM broken', '1500|1500', 'each record once');

# Dead letters
sql(q(ALTER FOREIGN TABLE gap_source ALTER n TYPE smallint));
$faults->add(name => 'gap', shard => 'shardId-000000000001', records => [ { data => '{"n":70000}', key => 'the key' }, { base64 => base64(kpl_aggregate([ 'k', '{"n":1}' ], [ 'k', '?' ])) } ]);
pulls('gap', 1, 'bad records');
succeeds($node, q(SELECT split, position ~ '^\d+(/1)?$', convert_from(bytes, 'UTF8'), metadata ->> 'partition_key' FROM pinterest.dead_letter ORDER BY id),
	qq(shardId-000000000001|t|{"n":70000}|the key\nshardId-000000000001|t|?|k), 'are dead letters');
sql(q(ALTER FOREIGN TABLE gap_source ALTER n TYPE int));
succeeds($node, q(SELECT pinterest.replay_dead_letters('gap'); SELECT shard, sub FROM gap WHERE n = 70000), "1\nshardId-000000000001|0", 'and replayed');

# A worker
my $records = sql('SELECT count(*) FROM gap');
sql(q(UPDATE pinterest._stream SET batch_wait = '100 ms'; SELECT pinterest.start_stream('gap')));
ok($node->poll_query_until('postgres', q(SELECT runs > 0 AND state = 'running' FROM pinterest.stream_status WHERE stream = 'gap')), 'a worker runs');
$faults->add(name => 'gap', shard => 'shardId-000000000001', records => [ { data => '{"n":100}' }, { data => '{"n":101}' } ]);
ok($node->poll_query_until('postgres', "SELECT count(*) = $records + 2 FROM gap"), 'and takes records that come');
succeeds($node, q(SELECT lag, lag_time < '1 minute' FROM pinterest.stream_status WHERE stream = 'gap'), '|t', 'it is not behind');
sql(q(SELECT pinterest.stop_stream('gap')));

done_testing();
