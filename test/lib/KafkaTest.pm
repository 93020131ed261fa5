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

our @EXPORT = qw(start_kafka wait_until);
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
	my $home = $ENV{KAFKA_HOME} // `"$top/test/servers/install-kafka"`;
	chomp $home;
	return undef if !-d $home;
	my @command = (
		'python3', "$top/test/servers/kafka_server.py", '--home', $home,
		'--version', $with{version} // '4.3.1',
		'--brokers', $with{brokers} // 1,
		'--listeners', join(',', 'plain', @{ $with{listeners} // [] }),
		'--heap', $with{heap} // 256,
		(map { ('--set', "$_=$with{settings}->{$_}") } sort keys %{ $with{settings} // {} }),
		PostgreSQL::Test::Utils::tempdir('kafka') . '/cluster');

	# It ends when its standard input, which this process holds, is closed
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
	my $bootstrap = <$output> // die 'Kafka did not start';
	my $self = bless { bootstrap => $json->decode($bootstrap), in => $writer, out => $output, folder => $command[-1] },
	  __PACKAGE__;
	push @clusters, $self;
	weaken($clusters[-1]);
	return $self;
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
	close delete $self->{in} if $self->{in};
	# Waits
	close delete $self->{out} if $self->{out};
	return;
}

sub DESTROY { my ($self) = @_; return $self->end; }

sub bootstrap { my ($self, $listener) = @_; return $self->{bootstrap}->{ $listener // 'plain' }; }

# A file of the certificates of a cluster with TLS, see class Certificates in
# test/servers/kafka_broker.py: ca.pem, client.pem, client.key, …
sub tls_file { my ($self, $name) = @_; return "$self->{folder}/tls/$name"; }

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
