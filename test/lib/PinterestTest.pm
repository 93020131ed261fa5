# What the TAP tests share: a server with the extension, S3 servers, sink folders,
# and statements that must fail in a stated way.
#
# A test file gets all of it by
#     use lib 'test/lib';
#     use PinterestTest;

package PinterestTest;

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(dirname);
use File::Path qw(make_path);
use HTTP::Tiny;
use IPC::Run;
use JSON::PP qw(decode_json encode_json);
use Test::More;
use Time::HiRes qw(time);

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(
  new_node create_bucket_server write_sink put_folder remove_object
  start_s3 start_versitygw start_toxiproxy start_fault_server start_credential_server
  fails succeeds open_session elapsed_of is_up @views
);

# The query views, with the columns they must have
our @views = (
	[ most_popular_category_by_country => qw(country category category_count) ],
	[ posts_per_category_by_year => qw(post_year category category_count) ],
	[ most_popular_category_by_year => qw(post_year category category_count) ],
	[ most_followed_user_by_country => qw(country poster_name follower_count) ],
	[ country_with_most_followed_user => qw(country follower_count) ],
	[ most_popular_category_by_age_group => qw(age_group category category_count) ],
	[ median_followers_by_age_group => qw(age_group median_follower_count) ],
	[ users_joined_by_year => qw(post_year number_users_joined) ],
	[ median_followers_by_join_year => qw(post_year median_follower_count) ],
	[
		median_followers_by_join_year_and_age_group =>
		  qw(age_group post_year median_follower_count)
	],);

# Without this, Ctrl-C would skip the END blocks, and leave servers behind
$SIG{$_} = sub { exit 130 }
  foreach qw(INT TERM HUP);

my $top = dirname(dirname(dirname(__FILE__)));
my $secret = 'secretkeytest123';
my @pids;

END
{
	my $status = $?;
	kill 'TERM', @pids if @pids;
	$? = $status;
}

# A running server with the extension in its database "postgres".
sub new_node
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
	$node->append_conf('postgresql.conf', "timezone = 'UTC'\njit = off\n");
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pinterest_pipeline');
	return $node;
}

# A foreign server for an S3 server of the tests, and keys for it.
sub create_bucket_server
{
	my ($node, $name, $endpoint, %with) = @_;
	my $region = $with{region} // 'us-east-1';
	my $key = $with{access_key_id} // 'AKIDTEST';
	my $secret_key = $with{secret_access_key} // $secret;
	my $path_style = $with{path_style} // 'true';
	my $token = defined $with{session_token} ? ", session_token '$with{session_token}'" : '';

	$node->safe_psql(
		'postgres', qq(
		CREATE SERVER $name FOREIGN DATA WRAPPER s3_json
			OPTIONS (region '$region', endpoint '$endpoint', path_style '$path_style');
		CREATE USER MAPPING FOR CURRENT_USER SERVER $name
			OPTIONS (access_key_id '$key', secret_access_key '$secret_key'$token);));
	return;
}

# Writes the rows of a query, one JSON text each, as the objects of a topic.
sub write_sink
{
	my ($node, $folder, $topic, $query) = @_;

	# A quote and a delimiter that JSON cannot hold
	IPC::Run::run(
		[
			'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c',
			"COPY ($query) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
		],
		'|', [ "$top/scripts/sink-folder", $folder, $topic ]) or die "could not write $topic";
	return;
}

# Puts a folder into a bucket of a server that checks signatures.
sub put_folder
{
	my ($endpoint, $bucket, $folder) = @_;

	IPC::Run::run([ 'python3', "$top/test/servers/put_folder.py", $endpoint, $bucket, $folder ],
		'>', \my $count)
	  or die "could not put $folder into $bucket";
	return $count + 0;
}

# Removes an object of such a bucket.
sub remove_object
{
	my ($endpoint, $bucket, $key) = @_;

	IPC::Run::run([ 'python3', "$top/test/servers/put_folder.py", '--remove', $endpoint, $bucket, $key ])
	  or die "could not remove $key of $bucket";
	return;
}

# The endpoint of a fresh S3 server that checks signatures, "versitygw" or "minio",
# with HTTPS if there is a certificate; undef where it could not be built.
sub start_s3
{
	my ($server, @certificate) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir($server);
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $program = $ENV{ uc $server };

	return undef if defined $program && !-x $program;
	IPC::Run::run([ "$top/test/servers/start-s3", $server, $folder, $port, @certificate ], '>', \my $endpoint)
	  or return undef;
	push @pids, slurp_file("$folder/pid") + 0;
	chomp $endpoint;
	return $endpoint;
}

sub start_versitygw { return start_s3('versitygw'); }

# A proxy in front of an endpoint, which disturbs TCP connections; undef where it
# could not be built.
sub start_toxiproxy
{
	my ($upstream) = @_;
	my $program = $ENV{TOXIPROXY};
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $control = "http://127.0.0.1:$port";
	my $http = HTTP::Tiny->new;

	if (!defined $program)
	{
		IPC::Run::run([ "$top/test/servers/install-toxiproxy" ], '>', \$program) or return undef;
		chomp $program;
	}
	return undef if !-x $program;
	my $log = PostgreSQL::Test::Utils::tempdir('toxiproxy') . '/log';
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open(STDOUT, '>', $log) or die;
		open(STDERR, '>&', \*STDOUT) or die;
		exec($program, '-host', '127.0.0.1', '-port', $port) or die;
	}
	push @pids, $pid;
	for (1 .. 500)
	{
		last if $http->get("$control/version")->{success};
		Time::HiRes::sleep(0.02);
	}
	return PinterestTest::Toxiproxy->new($http, $control, $upstream);
}

# Starts a server of test/servers/ that prints its endpoint first.
sub start_server
{
	my ($class, $program, @arguments) = @_;

	# It ends when its standard input, which this process holds, is closed
	pipe(my $reader, my $writer) or die "pipe: $!";
	my $pid = open(my $output, '-|') // die "fork: $!";
	if ($pid == 0)
	{
		close $writer;
		open(STDIN, '<&', $reader) or die;
		exec('python3', "$top/test/servers/$program", @arguments) or die;
	}
	close $reader;
	push @pids, $pid;
	my $endpoint = <$output> // die "$program did not start";
	chomp $endpoint;
	# Perl frees from the end: the writer first, or closing the other would wait
	return bless { endpoint => $endpoint, hold => [ $output, $writer ], http => HTTP::Tiny->new },
	  $class;
}

# A fresh fault server, see test/servers/fault_s3.py.
sub start_fault_server { return start_server('PinterestTest::FaultServer', 'fault_s3.py', @_); }

# A fresh server of credentials, see test/servers/credential_server.py.
sub start_credential_server
{
	return start_server('PinterestTest::CredentialServer', 'credential_server.py', @_);
}

# elapsed_of { … }: seconds
sub elapsed_of (&)
{
	my ($code) = @_;
	my $started = time;

	$code->();
	return time - $started;
}

# fails NODE, SQL, {state, like, within}, NAME: the statement fails with that
# SQLSTATE, its message matches every pattern, it holds no secret, and it took
# less than "within" seconds (60).
sub fails
{
	my ($node, $sql, $expected, $name) = @_;
	my $within = $expected->{within} // 60;
	my ($rc, $stdout, $stderr);
	my @wrong;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $elapsed = elapsed_of
	{
		$rc = $node->psql(
			'postgres', $sql,
			stdout => \$stdout,
			stderr => \$stderr,
			extra_params => [ '-v', 'VERBOSITY=verbose' ],
			timeout => 120,
			timed_out => \my $timed_out);
	};
	my ($state) = ($stderr // '') =~ /(?:ERROR|FATAL):  (\w{5}):/;

	push @wrong, 'it did not fail' if !$rc;
	push @wrong, 'SQLSTATE is ' . ($state // 'missing')
	  if ($state // '') !~ /^(?:$expected->{state})$/;
	push @wrong, "does not match $_" foreach grep { $stderr !~ $_ } @{ $expected->{like} // [] };
	push @wrong, 'a secret is shown' if $stderr =~ /\Q$secret\E/;
	push @wrong, "took $elapsed s" if $elapsed > $within;
	ok(!@wrong, $name) or diag(join("\n", @wrong, $stderr, substr($stdout // '', 0, 1000)));
	return $stderr;
}

# succeeds NODE, SQL, ROWS, NAME: the result as psql -At prints it
sub succeeds
{
	my ($node, $sql, $expected, $name) = @_;
	my ($stdout, $stderr);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->psql('postgres', $sql, stdout => \$stdout, stderr => \$stderr, timeout => 120,
		timed_out => \my $timed_out);
	is($stdout, $expected, $name) or diag($stderr);
	return;
}

# is_up NODE: does it take connections?  psql may end before it has read the statement.
sub is_up
{
	my ($node) = @_;
	my $rc = eval { ($node->psql('postgres', 'SELECT 1', on_error_die => 0))[0] };
	return defined $rc && $rc == 0;
}

# open_session NODE: a psql that stays, so that a test can do something between two
# statements
sub open_session
{
	my ($node) = @_;
	my $self = bless { in => '', out => '', err => '', number => 0 }, 'PinterestTest::Session';

	$self->{run} = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres') ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err}, IPC::Run::timeout(300));
	return $self;
}

package PinterestTest::Session;

use strict;
use warnings;

# The result of statements, as psql -At prints it
sub ask
{
	my ($self, $sql) = @_;
	my $end = 'end of ' . ++$self->{number};

	$self->{err} = '';
	$self->{in} .= "$sql;\n\\echo $end\n\\warn $end\n";
	$self->{run}->pump until $self->{out} =~ /^$end\n/m && $self->{err} =~ /^$end\n/m;
	$self->{err} =~ s/^$end\n//m;
	my $result = $self->{out} =~ s/^$end\n//mr;
	$self->{out} = '';
	chomp $result;
	return $result;
}

# What the last one said besides
sub error { my ($self) = @_; return $self->{err}; }

sub DESTROY { my ($self) = @_; local ($?, $!); $self->{run}->kill_kill if $self->{run}; return; }

package PinterestTest::Toxiproxy;

use strict;
use warnings;

sub new
{
	my ($class, $http, $control, $upstream) = @_;
	my $self = bless { http => $http, control => $control }, $class;
	my $proxy = $self->_request('POST', '/proxies',
		{ name => 's3', listen => '127.0.0.1:0', upstream => $upstream =~ s{^http://}{}r, enabled => JSON::PP::true });

	$self->{endpoint} = "http://$proxy->{listen}";
	return $self;
}

sub _request
{
	my ($self, $method, $path, $content) = @_;
	my $response = $self->{http}->request($method, "$self->{control}$path",
		defined $content ? { content => JSON::PP::encode_json($content) } : {});

	die "$method $path: $response->{status} $response->{content}" if !$response->{success};
	return $response->{content} ne '' ? JSON::PP::decode_json($response->{content}) : {};
}

sub endpoint { return $_[0]->{endpoint}; }

# disturb TYPE, STREAM ("downstream": answers, or "upstream"), PROBABILITY, NAME => VALUE, …
sub disturb
{
	my ($self, $type, $stream, $probability, %attributes) = @_;
	return $self->_request('POST', '/proxies/s3/toxics',
		{ type => $type, stream => $stream, toxicity => $probability, attributes => \%attributes });
}

# Takes connections, or refuses them and closes those there are
sub enable { my ($self, $yes) = @_; return $self->_request('POST', '/proxies/s3', { enabled => $yes ? JSON::PP::true : JSON::PP::false }); }

# No disturbance any more
sub reset { my ($self) = @_; return $self->_request('POST', '/reset'); }

package PinterestTest::FaultServer;

use strict;
use warnings;

sub endpoint { return $_[0]->{endpoint}; }

sub _request
{
	my ($self, $method, $path, $content) = @_;
	my $response = $self->{http}->request($method, "$self->{endpoint}$path",
		defined $content ? { content => $content } : {});

	die "$method $path: $response->{status} $response->{content}" if !$response->{success};
	return $response->{content};
}

# put BUCKET, KEY (already encoded for a URL), BYTES
sub put { my ($self, $bucket, $key, $body) = @_; return $self->_request('PUT', "/$bucket/$key", $body); }

# put_all BUCKET, KEY => BYTES, …: many at once
sub put_all
{
	my ($self, $bucket, %objects) = @_;
	return $self->_request('POST', "/-/$bucket/objects", JSON::PP::encode_json(\%objects));
}

# generate BUCKET, count => N, key => 'a{:010d}.json', body => '{}'
sub generate
{
	my ($self, $bucket, %what) = @_;
	$what{count} += 0;
	return $self->_request('POST', "/-/$bucket/generate", JSON::PP::encode_json(\%what));
}

# fault BUCKET, fault => NAME, …
sub fault
{
	my ($self, $bucket, %fault) = @_;
	return $self->_request('POST', "/-/$bucket/fault", JSON::PP::encode_json(\%fault));
}

# The headers of the last request for anything of the bucket
sub headers { my ($self, $bucket) = @_; return JSON::PP::decode_json($self->_request('GET', "/-/$bucket/headers")); }

sub counters { my ($self, $bucket) = @_; return JSON::PP::decode_json($self->_request('GET', "/-/$bucket")); }

package PinterestTest::CredentialServer;

use strict;
use warnings;

our @ISA = ('PinterestTest::FaultServer');

# set NAME => VALUE, …: see DEFAULTS there
sub set
{
	my ($self, %settings) = @_;
	return $self->_request('POST', '/-/set', JSON::PP::encode_json(\%settings));
}

sub reset { my ($self) = @_; return $self->_request('POST', '/-/reset', ''); }
sub revoke { my ($self) = @_; return $self->_request('POST', '/-/revoke', ''); }

# What was asked since the last time, one line each
sub log { my ($self) = @_; return $self->_request('GET', '/-/log'); }

1;
