# Kafka brokers for the TAP tests, that end with the test:
#
#     use KafkaTest;
#     my $kafka = start_kafka(listeners => [qw(sasl tls)]);
#     plan skip_all => 'Kafka could not be fetched' if !defined $kafka;
#     $kafka->create_topic('t', 3);
#     $kafka->produce('t', [ { value => '{}', partition => 1 }, { value => undef, key => 'k' } ]);
#     … OPTIONS ("bootstrap.servers" '@{[ $kafka->bootstrap ]}') …
#
# The work is done by test/servers/kafka_server.py, whose class Commands documents
# every method: one that is not defined here is a command there, with its
# parameters by name, as in $kafka->offsets(name => 't').  Keys, values and header
# values are strings of bytes.

package KafkaTest;

use strict;
use warnings;

use Carp;
use Exporter 'import';
use File::Basename qw(dirname);
use IO::Handle;
use JSON::PP;
use PinterestTest ();
use PostgreSQL::Test::Utils;
use Scalar::Util qw(weaken);
use Time::HiRes qw(sleep time);

our @EXPORT = qw(start_kafka start_mock_kafka start_rest_proxy wait_until);
our $AUTOLOAD;

my $top = dirname(dirname(dirname(__FILE__)));
# Bytes above 127 as \u00XX
my $json = JSON::PP->new->ascii->canonical->allow_nonref;
my @clusters;

# Before the folders are removed
END
{
	$_->end foreach grep { defined } @clusters;
}

# start_kafka version => '4.3.1', brokers => 1, listeners => [ NAME, … ], settings
# => { NAME => VALUE }, heap => MB: a cluster of its own; undef where the brokers'
# files could not be fetched.  See there for the names of listeners.
sub start_kafka
{
	my (%with) = @_;

	return start_server(
		PostgreSQL::Test::Utils::tempdir('kafka') . '/cluster',
		'--version', $with{version} // '4.3.1',
		'--brokers', $with{brokers} // 1,
		'--listeners', join(',', 'plain', @{ $with{listeners} // [] }),
		'--heap', $with{heap} // 256,
		(map { ('--set', "$_=$with{settings}->{$_}") } sort keys %{ $with{settings} // {} }));
}

# start_mock_kafka brokers => N, topics => { NAME => PARTITIONS, … }: a mock cluster,
# for what no real one does on request, see scripts/mock_kafka.c.  Its own method is
# "mock": mock('down 1').  Topics are made so, all else as with the other; undef, too.
sub start_mock_kafka
{
	my (%with) = @_;
	my $program = PostgreSQL::Test::Utils::tempdir('mock') . '/mock_kafka';
	my $flags = `pkg-config --cflags --libs rdkafka`;

	system_or_bail('sh', '-c', "cc -std=gnu11 -Wall -Wextra -Werror -O2 -o $program $top/scripts/mock_kafka.c $flags");
	my ($in, $out) = start_process($program, $with{brokers} // 1, %{ $with{topics} // {} });
	my $bootstrap = <$out> // die 'the mock cluster did not start';
	chomp $bootstrap;
	my $self = start_server('--bootstrap', $bootstrap) // return undef;
	@$self{qw(mock_in mock_out)} = ($in, $out);
	return $self;
}

# Of kafka_server.py, with these arguments
sub start_server
{
	my @arguments = @_;
	my $home = $ENV{KAFKA_HOME} // `"$top/test/servers/install-kafka"`;
	chomp $home;
	return undef if !-d $home;
	my ($in, $out) = start_process('python3', "$top/test/servers/kafka_server.py", '--home', $home, @arguments);
	my $bootstrap = <$out> // die 'Kafka did not start';
	my $self = bless {
		bootstrap => $json->decode($bootstrap), in => $in, out => $out, home => $home, folder => $arguments[0]
	}, __PACKAGE__;
	push @clusters, $self;
	weaken($clusters[-1]);
	return $self;
}

# What writes to its standard input, and what reads from its output.  It ends when
# the former, which only this process holds, is closed.
sub start_process
{
	my @command = @_;

	pipe(my $reader, my $writer) or die "pipe: $!";
	my $pid = open(my $output, '-|') // die "fork: $!";
	if ($pid == 0)
	{
		close $writer;
		open(STDIN, '<&', $reader) or die;
		exec(@command) or die;
	}
	close $reader;
	$writer->autoflush(1);
	return ($writer, $output);
}

# start_rest_proxy CLUSTER, [CERTIFICATE]: a REST proxy in front of it, see
# test/servers/rest_proxy.py; with the methods endpoint, set NAME => VALUE, …, reset,
# and log.  With HTTPS if one of the cluster's certificates is named: server, …
sub start_rest_proxy
{
	my ($kafka, $certificate) = @_;
	my @tls = $certificate ? ('--tls', map { $kafka->tls_file("$certificate.$_") } qw(pem key)) : ();

	local $ENV{KAFKA_HOME} = $kafka->{home};
	return PinterestTest::start_server('PinterestTest::CredentialServer', 'rest_proxy.py', $kafka->bootstrap, @tls);
}

# wait_until { … } WHAT: until it is true; dies after a minute
sub wait_until (&;$)
{
	my ($code, $what) = @_;
	my $end = time + 60;

	while (!$code->())
	{
		croak 'not within a minute: ' . ($what // '') if time > $end;
		sleep 0.05;
	}
	return;
}

# command NAME, PARAMETER => VALUE, …: dies when it fails
sub command
{
	my ($self, $name, %parameters) = @_;

	local $SIG{PIPE} = 'IGNORE';
	$self->{in}->print($json->encode({ do => $name, %parameters }), "\n");
	my $line = readline($self->{out}) // croak "$name: the Kafka server of the tests is gone";
	my $answer = $json->decode($line);
	croak "$name: $answer->{error}" if exists $answer->{error};
	return $answer->{ok};
}

sub AUTOLOAD
{
	my ($self, @parameters) = @_;
	my $name = $AUTOLOAD =~ s/.*:://r;

	return $self->command($name, @parameters);
}

# The end of all brokers; when the last reference goes, or the test ends, at the
# latest
sub end
{
	my ($self) = @_;

	# The result of a test is not that of this
	local ($?, $!);
	# The second close waits
	foreach my $handle (qw(in out mock_in mock_out))
	{
		close delete $self->{$handle} if $self->{$handle};
	}
	return;
}

sub DESTROY { my ($self) = @_; return $self->end; }

sub bootstrap { my ($self, $listener) = @_; return $self->{bootstrap}->{ $listener // 'plain' }; }

# A file of the certificates of a cluster with TLS, see class Certificates in
# test/servers/kafka_broker.py: ca.pem, client.pem, client.key, …
sub tls_file { my ($self, $name) = @_; return "$self->{folder}/tls/$name"; }

# mock COMMAND: of a mock cluster, see scripts/mock_kafka.c; dies when it fails
sub mock
{
	my ($self, $command) = @_;

	local $SIG{PIPE} = 'IGNORE';
	$self->{mock_in}->print("$command\n");
	my $answer = readline($self->{mock_out}) // croak "$command: the mock cluster is gone";
	croak "$command: $answer" if $answer ne "ok\n";
	return;
}

# create_topic NAME, [PARTITIONS, { SETTING => VALUE }]
sub create_topic
{
	my ($self, $name, $partitions, $config) = @_;
	return $self->command('create_topic', name => $name, partitions => $partitions // 1, config => $config // {});
}

sub delete_topic { my ($self, $name) = @_; return $self->command('delete_topic', name => $name); }

# add_partitions NAME, TOTAL
sub add_partitions
{
	my ($self, $name, $total) = @_;
	return $self->command('add_partitions', name => $name, total => $total);
}

# delete_records NAME, { PARTITION => OFFSET, … }: those before the offset
sub delete_records
{
	my ($self, $name, $before) = @_;
	return $self->command('delete_records', name => $name, before => $before);
}

# produce TOPIC, [ { value, key, partition, timestamp, headers => [ [ NAME, VALUE ], … ] }, … ],
# compression => CODEC, transaction => 'commit' | 'abort' | 'open'
sub produce
{
	my ($self, $topic, $messages, %with) = @_;

	foreach my $message (@$messages)
	{
		# Numbers, whatever Perl thinks of them
		$message->{$_} += 0 foreach grep { defined $message->{$_} } qw(partition timestamp);
	}
	return $self->command('produce', topic => $topic, messages => $messages, %with);
}

# consume TOPIC, [ISOLATION]: all messages, by partition and offset
sub consume
{
	my ($self, $topic, $isolation) = @_;
	return $self->command('consume', topic => $topic, isolation => $isolation // 'read_committed');
}

foreach my $name (qw(kill stop start pause resume log))
{
	no strict 'refs';
	# kill [NODE]: the broker of that number, 1 if none is told
	*$name = sub { my ($self, $node) = @_; return $self->command($name, node => $node // 1); };
}

# restart [NODE]
sub restart { my ($self, $node) = @_; $self->stop($node); return $self->start($node); }

1;
