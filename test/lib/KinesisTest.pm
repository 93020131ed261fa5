# What the tests of kinesis_json share: Kinesis servers, and what there is to do
# with their streams.
#
#     use lib 'test/lib';
#     use PinterestTest;
#     use KinesisTest;
#
#     my $kinesis = start_kinesis('ferrokinesis') // plan skip_all => 'no Kinesis server';
#     $kinesis->create_stream('s', 2);
#     $kinesis->put('s', [ 'key', '{"n":1}' ], …);

package KinesisTest;

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(dirname);
use IPC::Run ();
use MIME::Base64 qw(encode_base64);
use PinterestTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX ();
use Test::More;
use Time::HiRes ();

our @EXPORT = qw(
  start_kinesis start_kinesis_fault_server start_api_gateway start_moto create_kinesis_server
  base64 kpl_aggregate
);

my $top = dirname(dirname(dirname(__FILE__)));
my @pids;

END
{
	my $status = $?;
	kill 'TERM', @pids if @pids;
	$? = $status;
}

# start_kinesis KIND, SETTING => VALUE, …: a fresh server, ferrokinesis or
# kinesis-local, with settings of test/servers/start-kinesis; undef where there is
# none to be had.
sub start_kinesis
{
	my ($kind, %settings) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir('kinesis');
	my $port = PostgreSQL::Test::Cluster::get_free_port();

	return undef if defined $ENV{KINESIS} && !-d $ENV{KINESIS};
	local @ENV{ keys %settings } = values %settings;
	IPC::Run::run([ "$top/test/servers/start-kinesis", $folder, $port, $kind ],
		'>', \my $endpoint)
	  or return undef;
	push @pids, slurp_file("$folder/server.pid") + 0;
	chomp $endpoint;
	return bless { endpoint => $endpoint, http => HTTP::Tiny->new(timeout => 60) },
	  'KinesisTest::Server';
}

# A fresh scripted server, see test/servers/fault_kinesis.py.
sub start_kinesis_fault_server
{
	my $server = PinterestTest::start_server('KinesisTest::FaultServer', 'fault_kinesis.py', @_);

	$server->{http} = HTTP::Tiny->new(timeout => 60);
	return $server;
}

# start_api_gateway SERVER, [CERTIFICATE, KEY]: a gateway before it, see
# test/servers/api_gateway.py; with the methods url, set NAME => VALUE, …, reset, log,
# and body.  With HTTPS if there is a certificate.
sub start_api_gateway
{
	my ($kinesis, @certificate) = @_;

	return PinterestTest::start_server('KinesisTest::Gateway', 'api_gateway.py', $kinesis->endpoint,
		@certificate ? ('--tls', @certificate) : ());
}

# A stand-in for AWS whose Kinesis checks signatures and policies once check_signatures
# has been called; undef where there is none to be had.
sub start_moto
{
	my $folder = $ENV{MOTO} // do { my $out = `$top/test/servers/install-moto`; chomp $out; $out };
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $log = PostgreSQL::Test::Utils::tempdir('moto') . '/log';

	return undef if !-d "$folder/moto";
	my $pid = fork() // die;
	if ($pid == 0)
	{
		@ENV{qw(PYTHONPATH PYTHONDONTWRITEBYTECODE INITIAL_NO_AUTH_ACTION_COUNT)} = ($folder, 1, 1_000_000);
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', $log);
		open(STDERR, '>&', \*STDOUT);
		exec('python3', '-m', 'moto.server', '-H', '127.0.0.1', '-p', $port) or POSIX::_exit(1);
	}
	push @pids, $pid;
	my $moto = bless { endpoint => "http://127.0.0.1:$port", http => HTTP::Tiny->new(timeout => 60) }, 'KinesisTest::Moto';
	for (1 .. 600)
	{
		return $moto if $moto->{http}->get("$moto->{endpoint}/moto-api/data.json")->{success};
		last if waitpid($pid, POSIX::WNOHANG()) > 0;
		Time::HiRes::sleep(0.1);
	}
	diag(slurp_file($log));
	return undef;
}

# A foreign server for it, and keys; "options" are others of the server.
sub create_kinesis_server
{
	my ($node, $name, $endpoint, %with) = @_;
	my $region = $with{region} // 'us-east-1';
	my $token = defined $with{session_token} ? ", session_token '$with{session_token}'" : '';
	my $options = defined $with{options} ? ", $with{options}" : '';

	$node->safe_psql(
		'postgres', qq(
		CREATE SERVER $name FOREIGN DATA WRAPPER kinesis_json
			OPTIONS (region '$region', endpoint '$endpoint'$options);
		CREATE USER MAPPING FOR CURRENT_USER SERVER $name
			OPTIONS (access_key_id 'AKIDTEST', secret_access_key 'secretkeytest123'$token);));
	return;
}

sub base64 { return encode_base64($_[0], ''); }

# An integer as protobuf has it
sub _varint
{
	my ($n) = @_;
	my $bytes = '';

	while ($n >= 0x80)
	{
		$bytes .= chr($n & 0x7f | 0x80);
		$n >>= 7;
	}
	return $bytes . chr($n);
}

sub _field { return _varint($_[0] << 3 | 2) . _varint(length $_[1]) . $_[1]; }

# kpl_aggregate [KEY, DATA, HASH KEY or undef], …: the bytes that a producer of the
# Kinesis Producer Library puts as one record
sub kpl_aggregate
{
	my @records = @_;
	my (%keys, %hashes, @keys, @hashes);
	my $message = '';

	foreach my $record (@records)
	{
		my ($key, undef, $hash) = @$record;

		$keys{$key} //= push(@keys, $key) - 1;
		$hashes{$hash} //= push(@hashes, $hash) - 1 if defined $hash;
	}
	$message .= _field(1, $_) foreach @keys;
	$message .= _field(2, $_) foreach @hashes;
	foreach my $record (@records)
	{
		my ($key, $data, $hash) = @$record;

		$message .= _field(3,
				"\x08" . _varint($keys{$key})
			  . (defined $hash ? "\x10" . _varint($hashes{$hash}) : '')
			  . _field(3, $data));
	}
	return "\xF3\x89\x9A\xC2$message" . Digest::MD5::md5($message);
}

package KinesisTest::Server;

use strict;
use warnings;

use Digest::MD5 ();
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use Time::HiRes ();

# In one order of keys, so that requests can be compared
my $json = JSON::PP->new->canonical->utf8;

sub endpoint { return $_[0]->{endpoint}; }

# call ACTION, {…}: the answer
sub call
{
	my ($self, $action, $arguments) = @_;
	my $response = $self->{http}->post(
		"$self->{endpoint}/",
		{
			headers => {
				'Content-Type' => 'application/x-amz-json-1.1',
				'X-Amz-Target' => "Kinesis_20131202.$action",
				'X-Amz-Date' => '20240101T000000Z',
				'Authorization' =>
				  'AWS4-HMAC-SHA256 Credential=AKIDTEST/20240101/us-east-1/kinesis/aws4_request, '
				  . 'SignedHeaders=host;x-amz-date, Signature=' . '0' x 64
			},
			content => $json->encode($arguments)
		});

	die "$action: $response->{status} $response->{content}" if !$response->{success};
	return $response->{content} eq '' ? {} : $json->decode($response->{content});
}

sub wait_until_active
{
	my ($self, $stream) = @_;

	for (1 .. 1000)
	{
		return
		  if $self->call('DescribeStreamSummary', { StreamName => $stream })
		  ->{StreamDescriptionSummary}{StreamStatus} eq 'ACTIVE';
		Time::HiRes::sleep(0.01);
	}
	die "stream $stream does not become active";
}

sub create_stream
{
	my ($self, $stream, $shards) = @_;

	$self->call('CreateStream', { StreamName => $stream, ShardCount => 0 + $shards });
	$self->wait_until_active($stream);
	return;
}

sub delete_stream
{
	my ($self, $stream) = @_;

	$self->call('DeleteStream', { StreamName => $stream });
	for (1 .. 1000)
	{
		return if !eval { $self->call('DescribeStreamSummary', { StreamName => $stream }); 1 };
		Time::HiRes::sleep(0.01);
	}
	die "stream $stream does not go";
}

# put STREAM, [KEY, BYTES, HASH KEY or undef], …: where each went, as ListShards
# and SequenceNumber
sub put
{
	my ($self, $stream, @records) = @_;
	my @placed;

	while (my @batch = splice(@records, 0, 500))
	{
		my $answer = $self->call(
			'PutRecords',
			{
				StreamName => $stream,
				Records => [
					map {
						{
							PartitionKey => "$_->[0]",
							Data => KinesisTest::base64($_->[1]),
							defined $_->[2] ? (ExplicitHashKey => "$_->[2]") : ()
						}
					} @batch
				]
			});

		die "PutRecords: $answer->{FailedRecordCount} failed" if $answer->{FailedRecordCount};
		push @placed, @{ $answer->{Records} };
	}
	return @placed;
}

# What there is of records: [SHARD, KEY, BYTES], …, those of a shard in their order
sub records
{
	my ($self, $stream) = @_;
	my @records;

	foreach my $shard (map { $_->{ShardId} } $self->shards($stream))
	{
		my $iterator = $self->call('GetShardIterator',
			{ StreamName => $stream, ShardId => $shard, ShardIteratorType => 'TRIM_HORIZON' })->{ShardIterator};

		# What an answer says to be behind is not right everywhere; that it is empty is
		while (defined $iterator)
		{
			my $answer = $self->call('GetRecords', { ShardIterator => $iterator });

			last if !@{ $answer->{Records} };
			push @records, map { [ $shard, $_->{PartitionKey}, decode_base64($_->{Data}) ] } @{ $answer->{Records} };
			$iterator = $answer->{NextShardIterator};
		}
	}
	return @records;
}

# Fails unless the numbers in each key's records are 1, 2, 3 … in the order in which
# they are there
sub keys_are_in_order
{
	my ($self, $stream) = @_;
	my (%last, @wrong);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $record ($self->records($stream))
	{
		my ($n) = $record->[2] =~ /"n":(\d+)/;

		push @wrong, "$record->[1] $n" if $n != ++$last{ $record->[1] };
	}
	return Test::More::is("@wrong", '', 'each key is in its order');
}

# All shards, as ListShards has them
sub shards
{
	my ($self, $stream) = @_;

	return @{ $self->call('ListShards', { StreamName => $stream })->{Shards} };
}

# Splits a shard at its middle, or at a hash key.
sub split
{
	my ($self, $stream, $shard, $at) = @_;

	if (!defined $at)
	{
		my ($range) = map { $_->{HashKeyRange} } grep { $_->{ShardId} eq $shard } $self->shards($stream);

		require Math::BigInt;
		$at = Math::BigInt->new($range->{StartingHashKey})->badd($range->{EndingHashKey})->bdiv(2)->binc->bstr;
	}
	$self->call('SplitShard', { StreamName => $stream, ShardToSplit => $shard, NewStartingHashKey => "$at" });
	$self->wait_until_active($stream);
	return;
}

sub merge
{
	my ($self, $stream, $shard, $other) = @_;

	$self->call('MergeShards',
		{ StreamName => $stream, ShardToMerge => $shard, AdjacentShardToMerge => $other });
	$self->wait_until_active($stream);
	return;
}

package KinesisTest::Gateway;

use strict;
use warnings;

our @ISA = ('PinterestTest::CredentialServer');

sub url { return $_[0]->{endpoint} . '/test'; }

# That of the last request
sub body { my ($self) = @_; return $self->_request('GET', '/-/body'); }

package KinesisTest::FaultServer;

use strict;
use warnings;

use MIME::Base64 qw(decode_base64);

our @ISA = ('KinesisTest::Server');

sub _control
{
	my ($self, $what, $arguments) = @_;
	my $response = $self->{http}->post("$self->{endpoint}/-/$what", { content => $json->encode($arguments) });

	die "$what: $response->{status} $response->{content}" if !$response->{success};
	return $response->{content} eq '' ? {} : $json->decode($response->{content});
}

sub records
{
	my ($self, $stream) = @_;

	return map { [ @$_[ 0, 1 ], decode_base64($_->[2]) ] } @{ $self->_control('records', { name => $stream })->{records} };
}

# See there for what these do
foreach my $what (qw(stream delete trim add set fault turns clear cut counters))
{
	no strict 'refs';
	*$what = sub { my ($self, %arguments) = @_; return $self->_control($what, \%arguments); };
}

package KinesisTest::Moto;

use strict;
use warnings;

our @ISA = ('KinesisTest::Server');

# iam ACTION, NAME => VALUE, …: the answer, in XML
sub iam
{
	my ($self, $action, %arguments) = @_;
	my $response = $self->{http}->post_form(
		"$self->{endpoint}/",
		{ Action => $action, Version => '2010-05-08', %arguments },
		{ headers => { Authorization => 'AWS4-HMAC-SHA256 Credential=AKIDTEST/20240101/us-east-1/iam/aws4_request, '
					. 'SignedHeaders=host, Signature=' . '0' x 64 } });

	die "$action: $response->{status} $response->{content}" if !$response->{success};
	return $response->{content};
}

# A user who may do such things to all streams: access key and secret
sub create_user
{
	my ($self, $name, @actions) = @_;

	$self->iam('CreateUser', UserName => $name);
	$self->iam('PutUserPolicy', UserName => $name, PolicyName => 'streams',
		PolicyDocument => $json->encode({ Version => '2012-10-17',
				Statement => [ { Effect => 'Allow', Action => \@actions, Resource => '*' } ] }));
	return $self->iam('CreateAccessKey', UserName => $name) =~
	  m{<AccessKeyId>(.*?)</AccessKeyId>.*<SecretAccessKey>(.*?)</SecretAccessKey>}s;
}

# From now on all requests are checked
sub check_signatures
{
	my ($self) = @_;

	die if !$self->{http}->post("$self->{endpoint}/moto-api/reset-auth", { content => '0' })->{success};
	return;
}

1;
