# A bucket of AWS that is in another region than the server says: found there, with
# one request that is refused.  Redirects to anywhere else are not followed.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir('aws');
my @regions = qw(us-east-1 eu-west-1 eu-west-3);
my $names = join(',', 'DNS:localhost', map { ("DNS:s3.$_.amazonaws.com", "DNS:*.s3.$_.amazonaws.com") } @regions);

plan skip_all => 'no C compiler for the shim that stands in for name servers'
  if !IPC::Run::run([ 'cc', '-shared', '-fPIC', '-o', "$folder/aws_here.so", 'test/servers/aws_here.c', '-ldl' ]);
system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=aws',
	'-addext', "subjectAltName=$names", '-keyout', "$folder/aws.key", '-out', "$folder/aws.pem");

my $server = start_fault_server('--tls', "$folder/aws.pem", "$folder/aws.key");
my $endpoint = $server->endpoint;
my ($port) = $endpoint =~ /:(\d+)$/;
my $number = 0;

local $ENV{LD_PRELOAD} = "$folder/aws_here.so";
local $ENV{AWS_HERE} = $port;
my $node = new_node('regions');
delete $ENV{LD_PRELOAD};

# A request to the fault server itself
sub control
{
	my ($method, $path, $content) = @_;
	my @command = ('curl', '-sS', '--fail', '--noproxy', '*', '--cacert', "$folder/aws.pem", '-X', $method);
	push @command, '--data-binary', $content if defined $content;
	return (run_command([ @command, "$endpoint$path" ]))[0];
}

sub requests
{
	my ($bucket) = @_;
	my $counters = JSON::PP::decode_json(control('GET', "/-/$bucket"));

	return "$counters->{list} $counters->{get} $counters->{put}";
}

foreach my $style (qw(true false))
{
	$node->safe_psql(
		'postgres', qq(
		CREATE SERVER aws_$style FOREIGN DATA WRAPPER s3_json
			OPTIONS (region 'us-east-1', path_style '$style', ca_file '$folder/aws.pem');
		CREATE USER MAPPING FOR CURRENT_USER SERVER aws_$style
			OPTIONS (access_key_id 'AKIDTEST', secret_access_key 'secretkeytest123');));
}

# A bucket with 20 objects and a table over it
sub fresh_bucket
{
	my ($style) = @_;
	my $bucket = sprintf('region-%d', ++$number);

	control('PUT', "/$bucket/in/$_.json", "{\"n\":$_}") foreach 1 .. 20;
	$node->safe_psql('postgres', "DROP FOREIGN TABLE IF EXISTS t;
		CREATE FOREIGN TABLE t (n int) SERVER aws_$style OPTIONS (location 's3://$bucket/in/')");
	return $bucket;
}

sub fault
{
	my ($bucket, %fault) = @_;
	control('POST', "/-/$bucket/fault", JSON::PP::encode_json(\%fault));
	return;
}

my $sum = 'SELECT count(*), sum(n) FROM t';
my %elsewhere = (fault => 'region', region => 'eu-west-1', status => 301, code => 'PermanentRedirect');

my $bucket = fresh_bucket('true');
succeeds($node, $sum, '20|210', 'a bucket where the server says');
is(requests($bucket), '1 20 20', 'no request too many');

foreach my $style (qw(true false))
{
	foreach my $case (
		[ 301, 'PermanentRedirect' ], [ 307, 'TemporaryRedirect' ],
		[ 400, 'AuthorizationHeaderMalformed' ])
	{
		my ($status, $code) = @$case;
		my $name = "$code, path style $style";

		$bucket = fresh_bucket($style);
		fault($bucket, %elsewhere, status => $status, code => $code);
		succeeds($node, $sum, '20|210', "$name: all rows");
		is(requests($bucket), '2 20 20', "$name: one request more");
	}
}

# It holds for the scan, also where that starts over
my ($rc, $stdout, $stderr) = $node->psql('postgres',
	"SET client_min_messages = debug1; SELECT * FROM generate_series(1, 3) AS i, LATERAL (SELECT sum(n + i) FROM t) AS s");
is($stdout, "1|230\n2|250\n3|270", 'a scan that starts over');
is(scalar(() = $stderr =~ /DEBUG:  .*"us-east-1"/g), 1, 'a scan that starts over is redirected once') or diag($stderr);
like($stderr, qr{DEBUG:  "s3://\Q$bucket\E/in/" is in region "eu-west-1", not "us-east-1"}, 'a debug message tells');

# GETs under way when the first is redirected follow it
$bucket = fresh_bucket('false');
fault($bucket, %elsewhere, op => 'get');
succeeds($node, $sum, '20|210', 'redirected in the middle: all rows');

# Writing
$bucket = fresh_bucket('false');
fault($bucket, %elsewhere, op => 'put');
$node->safe_psql('postgres', 'INSERT INTO t SELECT * FROM generate_series(1, 5)');
succeeds($node, $sum, '25|225', 'writing is redirected');

# Round in circles: once is enough
$bucket = fresh_bucket('true');
fault($bucket, %elsewhere, times => 1);
fault($bucket, %elsewhere, region => 'eu-west-3');
fails($node, $sum, { state => 'HV000', like => [ qr/in region "eu-west-3"/, qr/HINT:.*"eu-west-3"/, qr/sent 2 times/ ] },
	'another redirect is an error');
$bucket = fresh_bucket('true');
fault($bucket, fault => 'error', status => 301, code => 'PermanentRedirect', headers => { 'x-amz-bucket-region' => 'us-east-1' });
fails($node, $sum, { state => 'HV000', like => [qr/HINT/] }, 'a redirect to where it was sent is an error');

# Names that are none, and keys that are worth nothing there
foreach my $region ('evil.example/', 'eu-west-1@evil.example', 'cn-north-1', 'us-gov-west-1', 'x' x 31)
{
	$bucket = fresh_bucket('true');
	fault($bucket, fault => 'error', status => 301, code => 'PermanentRedirect', headers => { 'x-amz-bucket-region' => $region });
	fails($node, $sum, { state => 'HV000', like => [qr/in region "\Q$region\E"/] }, "not followed: region $region");
	is(requests($bucket), '1 0 20', "not followed: region $region, nothing more is sent");
}

# Redirects that name no region
foreach my $status (301, 302, 307, 308)
{
	$bucket = fresh_bucket('true');
	fault($bucket, %elsewhere, status => $status, code => 'Redirect', silent => 1,
		to => 'https://evil.example:8443/path?secretkeytest123');
	fails($node, $sum, { state => 'HV000', like => [ qr{redirects to "https://evil\.example:8443"\n}, qr/HINT:.*not followed/ ] },
		"not followed: $status to another host");
	is(requests($bucket), '1 0 20', "not followed: $status, nothing more is sent");
}

# check_server finds it, and says what to set
$bucket = fresh_bucket('true');
fault($bucket, %elsewhere);
like($node->safe_psql('postgres', "SELECT outcome, detail FROM pinterest.check_server('aws_true', 's3://$bucket/in/') WHERE step = 'list'"),
	qr/^ok\|.*in region "eu-west-1": set the region/, 'check_server');

# An endpoint that a user has named is where requests go, and nowhere else
$node->safe_psql('postgres', "ALTER SERVER aws_true OPTIONS (ADD endpoint 'https://s3.us-east-1.amazonaws.com')");
fails($node, $sum, { state => 'HV000', like => [qr/HINT:.*"eu-west-1"/] }, 'not followed: an endpoint by hand');

$node->stop;
done_testing();
