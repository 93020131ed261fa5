# kinesis_json on two Kinesis servers: all there is to a record, order over splits
# and merges, also while others write.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use KinesisTest;
use PostgreSQL::Test::Utils;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('kinesis');
my $metadata = q(
	stream text OPTIONS (metadata 'stream'), shard text OPTIONS (metadata 'shard_id'),
	seq numeric OPTIONS (metadata 'sequence_number'), sub bigint OPTIONS (metadata 'sub_sequence_number'),
	key text OPTIONS (metadata 'partition_key'), at timestamptz OPTIONS (metadata 'arrival_timestamp'),
	raw bytea OPTIONS (metadata 'data'), error text OPTIONS (metadata 'error'));

# Others do not read these streams
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET pinterest.kinesis_pacing = off');

sub table_of
{
	my ($server, $stream, $options) = @_;

	$options //= '';
	return "DROP FOREIGN TABLE IF EXISTS t; CREATE FOREIGN TABLE t (n int, k text, $metadata) "
	  . "SERVER $server OPTIONS (stream '$stream'$options);";
}

# Writes numbers to keys, each key's in their order, until told to end; then says
# how many each has.
sub start_writer
{
	my ($kinesis, $stream, @keys) = @_;

	pipe(my $output, my $input) or die;
	pipe(my $stop, my $stopper) or die;
	my $pid = fork() // die;
	if ($pid == 0)
	{
		my %written;
		my $ready = '';

		$SIG{$_} = 'DEFAULT' foreach qw(INT TERM HUP);
		vec($ready, fileno($stop), 1) = 1;
		close $stopper;
		until (select(my $r = $ready, undef, undef, 0))
		{
			foreach my $key (@keys)
			{
				my $n = ++$written{$key};

				# A stream that is being changed may refuse
				sleep(0.005) until eval { $kinesis->put($stream, [ $key, qq({"n":$n,"k":"$key"}) ]); 1 };
			}
		}
		print $input "$_ $written{$_}\n" foreach @keys;
		close $input;
		POSIX::_exit(0);
	}
	close $input;
	close $stop;
	return { pid => $pid, output => $output, stopper => $stopper };
}

sub stop_writer
{
	my ($writer) = @_;

	close $writer->{stopper};
	my %written = map { split } readline($writer->{output});
	waitpid($writer->{pid}, 0);
	return \%written;
}

# Each key's numbers are 1, 2, 3 … in the order in which they are read
my $in_order = q(SELECT count(*) FROM (
	SELECT n, lag(n, 1, 0) OVER (PARTITION BY k ORDER BY place) AS before
	FROM (SELECT n, k, row_number() OVER () AS place FROM t) s) p WHERE n <> before + 1);

foreach my $kind (qw(ferrokinesis kinesis-local))
{
	my $kinesis = start_kinesis($kind);
	my $server = $kind =~ tr/-/_/r;

	if (!$kinesis)
	{
	  SKIP: { skip "no $kind here", 1; }
		next;
	}
	create_kinesis_server($node, $server, $kinesis->endpoint);

	# --- what a record is

	$kinesis->create_stream('one', 1);
	my ($placed) = $kinesis->put('one', [ "sch\x{f6}n" => qq({"n":1,"k":"a"}) ]);
	$kinesis->put('one', [ k => '"{\"n\":2,\"k\":\"b\"}"' ], [ k => "\n {\"n\": 3}\r\n" ]);
	$node->safe_psql('postgres', table_of($server, 'one'));
	succeeds(
		$node,
		q(SELECT n, k, stream, shard, sub, at > now() - interval '1 minute', convert_from(raw, 'UTF8') FROM t ORDER BY n LIMIT 1),
		'1|a|one|shardId-000000000000|0|t|{"n":1,"k":"a"}',
		"$kind: a record and its metadata");
	succeeds($node, "SELECT seq FROM t WHERE n = 1", $placed->{SequenceNumber}, "$kind: its sequence number");
	succeeds($node, 'SELECT n, k FROM t ORDER BY seq', "1|a\n2|b\n3|", "$kind: in order, strings are unpacked");
	succeeds($node, 'SELECT count(*) FROM t', 3, "$kind: counted");
	succeeds($node, 'SELECT n FROM t LIMIT 1', 1, "$kind: LIMIT");

	# --- bad records

	$kinesis->create_stream('bad', 1);
	$kinesis->put('bad', [ k => '{"n":1}' ], [ k => 'nonsense' ], [ k => '{"n":2}{"n":3}' ], [ k => "\xff\xfe" ],
		[ k => '' ], [ k => '{"n":"x"}' ], [ k => '{"n":4}' ]);
	$node->safe_psql('postgres', table_of($server, 'bad'));
	fails(
		$node,
		'SELECT n FROM t',
		{
			state => '22P02',
			like => [ qr/invalid JSON record/, qr/stream "bad", shard "shardId-000000000000", sequence number \d+/ ]
		},
		"$kind: a bad record stops the scan, and its place is told");
	$node->safe_psql('postgres', table_of($server, 'bad', ", on_error 'set_null'"));
	succeeds(
		$node,
		q(SELECT n, error IS NOT NULL, encode(raw, 'escape') FROM t ORDER BY seq),
		"1|f|{\"n\":1}\n|t|nonsense\n|t|{\"n\":2}{\"n\":3}\n|t|\\377\\376\n|t|\n|t|{\"n\":\"x\"}\n4|f|{\"n\":4}",
		"$kind: bad records as rows of NULLs, with their bytes");
	succeeds($node, 'SELECT count(*) FROM t', 7, "$kind: all of them are counted");

	# --- large records

	$kinesis->create_stream('large', 1);
	$kinesis->put('large', [ k => '{"n":1,"k":"' . ('x' x 1_000_000) . '"}' ]) foreach 1 .. ($kind eq 'ferrokinesis' ? 12 : 3);
	$node->safe_psql('postgres', table_of($server, 'large'));
	succeeds($node, 'SELECT count(*), min(length(k)), max(length(k)) FROM t', ($kind eq 'ferrokinesis' ? 12 : 3) . '|1000000|1000000',
		"$kind: records of 1 MB, more than an answer holds");

	# --- order over splits and merges while others write

	my @keys = map { "key$_" } 1 .. 6;

	$kinesis->create_stream('moving', 2);
	$node->safe_psql('postgres', table_of($server, 'moving'));
	my $writer = start_writer($kinesis, 'moving', @keys);
	my @disorder;
	my @shrunk;
	my $before = 0;
	my $scan = sub {
		my ($rows) = $node->safe_psql('postgres', "SELECT count(*) FROM t") + 0;

		push @disorder, $node->safe_psql('postgres', $in_order);
		push @shrunk, "$rows < $before" if $rows < $before;
		$before = $rows;
	};

	sleep(0.2);
	$scan->();
	$kinesis->split('moving', 'shardId-000000000000');
	$scan->();
	$kinesis->split('moving', 'shardId-000000000002');
	$scan->();
	$kinesis->merge('moving', 'shardId-000000000004', 'shardId-000000000005');
	$scan->();
	$kinesis->merge('moving', 'shardId-000000000006', 'shardId-000000000003');
	$scan->();
	$kinesis->merge('moving', 'shardId-000000000007', 'shardId-000000000001');
	sleep(0.2);
	$scan->();
	my $written = stop_writer($writer);
	my $expected = join("\n", map { "$_|$written->{$_}" } sort @keys);

	is(join(',', @disorder), join(',', map { 0 } @disorder),
		"$kind: while shards are split and merged, each key's records come in order, without a gap");
	is(join(', ', @shrunk), '', "$kind: and never fewer than before");
	succeeds($node, 'SELECT k, count(*) FROM t GROUP BY k ORDER BY k', $expected, "$kind: afterwards nothing is missing or doubled");
	succeeds($node, $in_order, 0, "$kind: and in order");
	succeeds($node, 'SELECT count(DISTINCT shard) >= 5 FROM t', 't', "$kind: from all generations of shards");

	# --- several users share a stream

	$node->safe_psql('postgres', table_of($server, 'moving', ", partition_key 'key2'"));
	succeeds($node, 'SELECT k, count(*) FROM t GROUP BY k', "key2|$written->{key2}", "$kind: option partition_key");

	# --- deleted and made anew

	$kinesis->create_stream('anew', 1);
	$kinesis->put('anew', map { [ k => qq({"n":$_}) ] } 1 .. 50);
	$kinesis->delete_stream('anew');
	$node->safe_psql('postgres', table_of($server, 'anew'));
	fails($node, 'SELECT * FROM t', { state => '42704', like => [qr/ResourceNotFoundException/] },
		"$kind: a stream that is not there");
	$kinesis->create_stream('anew', 1);
	$kinesis->put('anew', [ k => '{"n":7}' ]);
	succeeds($node, 'SELECT n FROM t', 7, "$kind: one that is there again");

	# --- import

	$node->safe_psql('postgres', 'DROP SCHEMA IF EXISTS streams CASCADE; CREATE SCHEMA streams');
	$node->safe_psql('postgres',
		qq(IMPORT FOREIGN SCHEMA "*" LIMIT TO (one, moving) FROM SERVER $server INTO streams OPTIONS (metadata 'true')));
	succeeds(
		$node,
		q(SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
		  WHERE attrelid = 'streams.one'::regclass AND attnum > 0 ORDER BY attnum),
		join("\n", 'n|integer', 'k|text', 'record_stream|text', 'record_shard_id|text', 'record_sequence_number|numeric',
			'record_sub_sequence_number|bigint', 'record_partition_key|text',
			'record_arrival_timestamp|timestamp with time zone', 'record_data|bytea', 'record_error|text'),
		"$kind: IMPORT FOREIGN SCHEMA infers columns");
	succeeds($node, 'SELECT sum(n) FROM streams.one', 6, "$kind: and the table can be read");
	my (undef, undef, $notice) = $node->psql('postgres', qq(IMPORT FOREIGN SCHEMA "nobody" FROM SERVER $server INTO streams));
	like($notice, qr/NOTICE:  no stream belongs to remote schema "nobody"/, "$kind: nothing to import");

	# --- ANALYZE

	$node->safe_psql('postgres', 'ANALYZE streams.moving');
	succeeds($node, q(SELECT reltuples = (SELECT count(*) FROM streams.moving) FROM pg_class WHERE oid = 'streams.moving'::regclass),
		't', "$kind: ANALYZE counts the rows");
	succeeds($node, q(SELECT cardinality(most_common_vals::text::text[]) FROM pg_stats WHERE schemaname = 'streams' AND tablename = 'moving' AND attname = 'k'),
		6, "$kind: and knows the columns");

	# --- check_server

	succeeds(
		$node,
		qq(SELECT string_agg(step || ' ' || outcome, ', ') FROM pinterest.check_server('$server', 'one')),
		'options ok, name lookup skipped, connection ok, TLS skipped, clock ok, credentials ok, list ok, first record ok',
		"$kind: check_server");
	like(
		$node->safe_psql('postgres', qq(SELECT outcome || ' ' || detail FROM pinterest.check_server('$server', 'none') WHERE step = 'list')),
		qr/^failed .*ResourceNotFoundException/,
		"$kind: check_server tells of a stream that is not there");

	next if $kind eq 'ferrokinesis';

	# --- ARNs, which ferrokinesis does not know

	$node->safe_psql('postgres', table_of($server, 'arn:aws:kinesis:us-east-1:000000000000:stream/one'));
	succeeds($node, 'SELECT count(*), min(stream) FROM t', '3|arn:aws:kinesis:us-east-1:000000000000:stream/one',
		"$kind: a stream by its ARN");
}

$node->stop;
done_testing();
