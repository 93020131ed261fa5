# pinterest.check_server against S3 servers: each step that can fail does, says
# what to do, and what depends on it is skipped.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use IO::Socket::INET ();
use IPC::Run ();
use Test::More;

my @names = ('options', 'name lookup', 'connection', 'TLS', 'clock', 'credentials', 'list', 'first record');
my @servers;					# they must not end before the test does
my $node = new_node('check');
my $fault_server = start_fault_server('--skew', 3);

# checks SERVER, LOCATION, {step => [outcome, pattern of detail and hint]}, NAME: steps
# that are not named must be ok
sub checks
{
	my ($server, $location, $expected, $name) = @_;
	my $argument = defined $location ? ", '$location'" : '';
	my ($stdout, $stderr);
	my @wrong;
	my @seen;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $elapsed = elapsed_of
	{
		$node->psql(
			'postgres', "SET pinterest.max_retries = 0; SELECT * FROM pinterest.check_server('$server'$argument)",
			stdout => \$stdout, stderr => \$stderr, timeout => 120, timed_out => \my $timed_out);
	};
	foreach my $line (split /\n/, $stdout)
	{
		my ($step, $outcome, undef, $text) = split /\|/, $line, 4;
		my ($wanted, $like) = @{ $expected->{$step} // ['ok'] };

		push @seen, $step;
		push @wrong, "$step: $outcome" if $outcome ne $wanted;
		push @wrong, "$step does not match $like" if defined $like && $text !~ $like;
		push @wrong, "$step has no hint" if $outcome eq 'failed' && $text =~ /\|$/;
	}
	push @wrong, "steps: @seen" if "@seen" ne "@names";
	push @wrong, 'a secret is shown' if "$stdout$stderr" =~ /secretkeytest123|hush-hush/;
	push @wrong, "took $elapsed s" if $elapsed > 30;
	ok(!@wrong, $name) or diag(join("\n", @wrong, $stdout, $stderr));
	return;
}

# What is skipped once a step failed
sub skipped
{
	return map { $_ => [ 'skipped', qr/depends on step|http:/ ] } @_;
}

my %literal = ('name lookup' => [ 'skipped', qr/is an address/ ], 'TLS' => [ 'skipped', qr/http:/ ]);

#
# A server that behaves, and does not
#
create_bucket_server($node, 'faulty', $fault_server->endpoint);
$fault_server->put('plain', 'in/1.json', "{\"n\":1}\n");
checks('faulty', 's3://plain/in/', { %literal, 'clock' => [ 'ok', qr/agree/ ], 'list' => [ 'ok', qr/1 match/ ] },
	'all is well');

$node->safe_psql('postgres', q(
	CREATE FOREIGN TABLE t (n int, image int) SERVER faulty OPTIONS (location 's3://plain/in/')));
checks('faulty', undef, { %literal, 'options' => [ 'ok', qr/"t"/ ] }, 'all is well, with a table');
$fault_server->put('plain', 'in/1.json', "{\"n\":1,\"image\":\"none\"}\n");
checks('faulty', undef, { %literal, 'first record' => [ 'failed', qr{in/1\.json.*line 1, column "image".*on_error} ] },
	'a value that does not fit its column');

checks('faulty', 's3://no-such-bucket/', { %literal, 'list' => [ 'failed', qr/NoSuchBucket/ ], skipped('first record') },
	'no such bucket');
checks('faulty', 's3://plain/elsewhere/',
	{ %literal, 'list' => [ 'ok', qr/0 match/ ], 'first record' => [ 'skipped', qr/nothing/ ] }, 'nothing there');

$fault_server->put('denied', 'in/1.json', "{}\n");
$fault_server->fault('denied', op => 'get', fault => 'error', status => 403, code => 'AccessDenied');
checks('faulty', 's3://denied/in/', { %literal, 'first record' => [ 'failed', qr/AccessDenied.*s3:GetObject/ ] },
	'objects may be listed but not read');
$fault_server->fault('denied', op => 'list', fault => 'error', status => 403, code => 'AccessDenied');
checks('faulty', 's3://denied/in/', { %literal, 'list' => [ 'failed', qr/s3:ListBucket/ ], skipped('first record') },
	'nor listed');

# One record needs one GET
$fault_server->generate('large', count => 5000, key => 'in/{:010d}.json', body => "{\"n\":{}}\n");
checks('faulty', 's3://large/in/', { %literal, 'list' => [ 'ok', qr/Of 1000 .* 1000 match.*more/ ] }, 'a large bucket');
cmp_ok($fault_server->counters('large')->{get}, '<=', 2, 'a large bucket: no objects are fetched ahead');
cmp_ok($fault_server->counters('large')->{list}, '<=', 3, 'a large bucket: nor pages');

#
# Clocks
#
foreach my $case ([ 7200, qr/7(19|20)\d seconds behind/ ], [ -7200, qr/seconds ahead of/ ])
{
	my ($skew, $like) = @$case;
	my $skewed = start_fault_server('--skew', $skew);
	my $name = $skew < 0 ? 'past' : 'future';

	push @servers, $skewed;
	$skewed->put('plain', 'in/1.json', "{}\n");
	create_bucket_server($node, $name, $skewed->endpoint);
	checks($name, 's3://plain/in/', { %literal, 'clock' => [ 'failed', $like ] }, "a service that lives in the $name");
}

#
# The way there
#
my $nobody = 'http://127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
create_bucket_server($node, 'refused', $nobody);
checks('refused', 's3://plain/in/',
	{ %literal, 'connection' => [ 'failed', qr/connect.*port in the endpoint/ ], skipped('clock', 'list', 'first record') },
	'nobody listens');

create_bucket_server($node, 'nameless', 'http://no-such-host.invalid');
checks('nameless', 's3://plain/in/',
	{
		skipped('connection', 'TLS', 'clock', 'list', 'first record'),
		'name lookup' => [ 'failed', qr/no-such-host\.invalid.*name service/ ]
	},
	'no such host');

$node->safe_psql(
	'postgres', sprintf(q(
	CREATE ROLE anybody;
	GRANT USAGE ON FOREIGN DATA WRAPPER s3_json TO anybody;
	SET ROLE anybody;
	CREATE SERVER inside FOREIGN DATA WRAPPER s3_json OPTIONS (endpoint '%s');
	RESET ROLE;
	CREATE USER MAPPING FOR CURRENT_USER SERVER inside OPTIONS (access_key_id 'AKID', secret_access_key 'hush-hush');
	), $fault_server->endpoint));
checks('inside', 's3://plain/in/',
	{ %literal, 'connection' => [ 'failed', qr/loopback.*superuser/ ], skipped('clock', 'list', 'first record') },
	'a private address behind a server that is no superuser\'s');

$node->safe_psql('postgres', 'DROP USER MAPPING FOR CURRENT_USER SERVER inside; ALTER SERVER inside OWNER TO CURRENT_USER');
checks('inside', 's3://plain/in/',
	{
		%literal,
		'credentials' => [ 'failed', qr/has no keys.*CREATE USER MAPPING/ ],
		'list' => [ 'skipped', qr/"credentials"/ ],
		skipped('first record')
	},
	'no user mapping');

#
# TLS
#
my $folder = PostgreSQL::Test::Utils::tempdir('tls');
system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
	'-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
	'-keyout', "$folder/key.pem", '-out', "$folder/certificate.pem");
my $tls_server = start_fault_server('--tls', "$folder/certificate.pem", "$folder/key.pem");
create_bucket_server($node, 'self_signed', $tls_server->endpoint);
checks('self_signed', 's3://plain/in/',
	{ 'TLS' => [ 'failed', qr/certificate.*authority/ ], skipped('clock', 'list', 'first record') },
	'a certificate nobody trusts');

#
# Cancelled at every wait
#
foreach my $op (qw(list get))
{
	$fault_server->put("slow-$op", 'in/1.json', "{}\n");
	$fault_server->fault("slow-$op", op => $op, fault => 'hang');
	my $stderr = fails($node, "SET statement_timeout = '1s'; SELECT * FROM pinterest.check_server('faulty', 's3://slow-$op/in/')",
		{ state => '57014', within => 2.5 }, "cancelled while it waits for: $op");
}
# a port that takes connections and says nothing
my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "listen: $!";
create_bucket_server($node, 'silent', 'http://127.0.0.1:' . $silent->sockport);
fails($node, q(SET statement_timeout = '1s'; SELECT * FROM pinterest.check_server('silent', 's3://plain/in/')),
	{ state => '57014', within => 2.5 }, 'cancelled while it waits for an answer');
# a block that catches the cancel takes back what it did, and leaves nothing open
is($node->safe_psql('postgres', q(
	CREATE TABLE cancelled (t text);
	BEGIN;
	SET LOCAL statement_timeout = '300ms';
	DO $$BEGIN
		INSERT INTO cancelled VALUES ('in the block');
		PERFORM FROM pinterest.check_server('silent', 's3://plain/in/');
	EXCEPTION WHEN query_canceled THEN NULL;
	END$$;
	COMMIT;
	SELECT count(*) FROM cancelled)), '0', 'a cancel that is caught');
$node->safe_psql('postgres', q(ALTER DATABASE postgres SET pinterest.request_timeout = '500ms'));
checks('silent', 's3://plain/in/',
	{ %literal, 'clock' => [ 'failed', qr/no HTTP answer/ ], skipped('list', 'first record') },
	'connections, but no answers');
create_bucket_server($node, 'no_tls', $fault_server->endpoint =~ s/^http:/https:/r);
checks('no_tls', 's3://plain/in/',
	{
		'name lookup' => [ 'skipped', qr/is an address/ ],
		'TLS' => [ 'failed', qr/speaks TLS/ ],
		skipped('clock', 'list', 'first record')
	},
	'no TLS there');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET pinterest.request_timeout');

#
# A server that checks signatures
#
SKIP:
{
	my $endpoint = start_versitygw();
	skip 'versitygw could not be built here', 1 if !defined $endpoint;
	mkdir "$folder/in";
	append_to_file("$folder/in/1.json", "{\"n\":1}\n");
	put_folder($endpoint, 'signed', $folder);

	create_bucket_server($node, 'signed', $endpoint);
	checks('signed', 's3://signed/in/', {%literal}, 'versitygw: all is well');
	checks('signed', undef, { %literal, 'list' => [ 'ok', qr/may see: 1/ ], 'first record' => [ 'skipped', qr/nothing/ ] },
		'versitygw: the buckets');
	create_bucket_server($node, 'wrong_secret', $endpoint, secret_access_key => 'not-secretkeytest123');
	checks('wrong_secret', 's3://signed/in/',
		{ %literal, 'list' => [ 'failed', qr/SignatureDoesNotMatch.*secret_access_key/ ], skipped('first record') },
		'versitygw: a wrong secret');
	create_bucket_server($node, 'wrong_key', $endpoint, access_key_id => 'AKIDOTHER');
	checks('wrong_key', undef,
		{ %literal, 'list' => [ 'failed', qr/InvalidAccessKeyId/ ], skipped('first record') },
		'versitygw: an unknown key');
	create_bucket_server($node, 'wrong_region', $endpoint, region => 'eu-central-1');
	checks('wrong_region', 's3://signed/in/',
		{ %literal, 'list' => [ 'failed', qr/region.*us-east-1/ ], skipped('first record') },
		'versitygw: a wrong region');
}

$node->stop;
done_testing();
