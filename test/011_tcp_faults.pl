# What the way to a real S3 server can do to TCP connections: slow, cut, reset,
# silent, refused.  Each case ends in the right rows, or in an error that says what,
# and can be cancelled.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $upstream = start_versitygw();
plan skip_all => 'versitygw could not be built here' if !defined $upstream;
my $proxy = start_toxiproxy($upstream);
plan skip_all => 'toxiproxy could not be built here' if !defined $proxy;

my $node = new_node('tcp');
my $folder = PostgreSQL::Test::Utils::tempdir('tcp');

# 40 small objects, and one of 3 MB
mkdir "$folder/in";
append_to_file("$folder/in/$_.json", "{\"n\":$_}\n") foreach 1 .. 40;
append_to_file("$folder/in/large.json", join('', map { "{\"n\":1, \"filling\":\"" . ('x' x 80) . "\"}\n" } 1 .. 30_000));
put_folder($upstream, 'bucket', $folder);
my $all = '30040|30820';
my $sum = 'SELECT count(*), sum(n) FROM t';

create_bucket_server($node, 'disturbed', $proxy->endpoint);
$node->safe_psql(
	'postgres', q(
	CREATE FOREIGN TABLE t (n int) SERVER disturbed OPTIONS (location 's3://bucket/in/');
	CREATE FOREIGN TABLE written (n int, filling text) SERVER disturbed OPTIONS (location 's3://bucket/out/');
	ALTER DATABASE postgres SET pinterest.request_timeout = '2s';
	ALTER DATABASE postgres SET pinterest.max_retries = 20;));

sub disturbed
{
	my ($code, @disturbance) = @_;

	$proxy->disturb(@disturbance);
	$code->();
	$proxy->reset;
	return;
}

#
# What a scan gets over
#
succeeds($node, $sum, $all, 'undisturbed');
foreach my $case (
	[ 'latency', 'latency', 'downstream', 1, latency => 50, jitter => 40 ],
	[ 'latency of requests', 'latency', 'upstream', 1, latency => 50 ],
	[ 'a slow line', 'bandwidth', 'downstream', 1, rate => 2000 ],
	[ 'crumbs', 'slicer', 'downstream', 1, average_size => 500, size_variation => 400, delay => 100 ],
	[ 'crumbs of requests', 'slicer', 'upstream', 1, average_size => 20, size_variation => 10, delay => 100 ],
	[ 'slow to close', 'slow_close', 'downstream', 1, delay => 300 ],
	[ 'cut after 300 kB', 'limit_data', 'downstream', 1, bytes => 300_000 ],
	[ 'resets', 'reset_peer', 'downstream', 0.3, timeout => 20 ],
	[ 'connections that say nothing', 'timeout', 'downstream', 0.1, timeout => 0 ],)
{
	my ($name, @disturbance) = @$case;

	disturbed(sub { succeeds($node, $sum, $all, "$name: all rows") }, @disturbance);
}

# A cursor whose connections are all cut meanwhile
my ($rc, $stdout, $stderr);
my $control = "$proxy->{control}/proxies/s3";
my $switch = "\\! curl -sS --noproxy '*' -o /dev/null -d '{\"enabled\": %s}' $control\n";
$rc = $node->psql(
	'postgres', "BEGIN; DECLARE c CURSOR FOR $sum; DECLARE d CURSOR FOR SELECT n FROM t WHERE n > 1; FETCH 1 FROM d;\n"
	  . sprintf($switch, 'false') . sprintf($switch, 'true') . "FETCH ALL FROM d; FETCH 1 FROM c;",
	stdout => \$stdout, stderr => \$stderr);
is(scalar(() = $stdout =~ /^\d+$/mg), 39, 'connections cut while a cursor rests: all rows') or diag($stderr);
like($stdout, qr/^\Q$all\E$/m, 'and of what follows');

#
# What no scan gets over
#
foreach my $case (
	[ 'silence', qr/nothing arrived for/, '08006', 'timeout', 'downstream', 1, timeout => 0 ],
	[ 'resets for ever', qr/reset/i, '08006', 'reset_peer', 'downstream', 1, timeout => 0 ],
	[ 'cut after 100 bytes', qr/sent \d+ times/, '08006', 'limit_data', 'downstream', 1, bytes => 100 ],
	[ 'requests that are cut', qr/sent \d+ times/, '08006', 'limit_data', 'upstream', 1, bytes => 100 ],)
{
	my ($name, $like, $state, @disturbance) = @$case;

	disturbed(
		sub {
			fails($node, "SET pinterest.max_retries = 2; SET pinterest.request_timeout = '500ms'; $sum",
				{ state => $state, like => [ qr{s3://bucket/in}, $like ], within => 30 }, $name);
		},
		@disturbance);
}
$proxy->enable(0);
fails($node, "SET pinterest.max_retries = 2; $sum", { state => 'HV00N', like => [ qr{s3://bucket/in/}, qr/refused|connect/i ] },
	'connections are refused');
$proxy->reset;

# The large object never comes to its end at 10 bytes a second; below a rate it is given up
disturbed(
	sub {
		fails($node, "SET pinterest.max_retries = 1; SET pinterest.request_timeout = '1s'; SET pinterest.min_transfer_rate = '100kB'; $sum",
			{ state => '08006', like => [ qr/only \d+ bytes arrived in \d+ ms/ ], within => 30 }, 'slower than min_transfer_rate');
	},
	'bandwidth', 'downstream', 1, rate => 1);

#
# Cancelling
#
foreach my $case (
	[ 'silence', 'timeout', 'downstream', 1, timeout => 0 ],
	[ 'latency', 'latency', 'downstream', 1, latency => 20_000 ],
	[ 'a trickle', 'bandwidth', 'downstream', 1, rate => 1 ],
	[ 'resets', 'reset_peer', 'downstream', 1, timeout => 0 ],
	[ 'slow to take requests', 'bandwidth', 'upstream', 1, rate => 0 ],)
{
	my ($name, @disturbance) = @$case;

	disturbed(
		sub {
			fails($node, "SET pinterest.max_retries = 100; SET pinterest.request_timeout = '60s'; SET statement_timeout = '400ms'; $sum",
				{ state => '57014', within => 2 }, "$name: cancelled");
		},
		@disturbance);
}

#
# Writing: 20 MB in parts, and small objects
#
my $rows = 200_000;
my $insert = "INSERT INTO written SELECT n, repeat('x', 80) FROM generate_series(1, $rows) n";
my $written = sprintf('%d|%d', $rows, $rows * ($rows + 1) / 2);
foreach my $case (
	[ 'latency', 'latency', 'upstream', 1, latency => 30 ],
	[ 'crumbs', 'slicer', 'upstream', 1, average_size => 20_000, size_variation => 5000, delay => 10 ],
	[ 'lost answers', 'limit_data', 'downstream', 0.3, bytes => 50 ],)
{
	my ($name, @disturbance) = @$case;

	$node->safe_psql('postgres', "ALTER FOREIGN TABLE written OPTIONS (SET location 's3://bucket/out/@{[ $name =~ s/ /-/r ]}/')");
	disturbed(sub { $rc = $node->psql('postgres', $insert, stderr => \$stderr) }, @disturbance);
	# An answer that is lost where sending again is no way out is an error, and says what stays
	if ($rc != 0 && $name eq 'lost answers')
	{
		like($stderr, qr/DETAIL:/, "writing, $name: the error says what may be there");
		next;
	}
	is($rc, 0, "writing, $name") or diag($stderr);
	succeeds($node, 'SELECT count(*), sum(n) FROM written', $written, "writing, $name: all rows");
}
$node->safe_psql('postgres', "ALTER FOREIGN TABLE written OPTIONS (SET location 's3://bucket/out/cut/')");
disturbed(
	sub {
		fails($node, "SET pinterest.max_retries = 1; SET pinterest.request_timeout = '500ms'; $insert",
			{ state => '08006', like => [qr{s3://bucket/out/cut/}], within => 60 }, 'writing: bodies that are cut');
	},
	'limit_data', 'upstream', 1, bytes => 1_000_000);
succeeds($node, 'SELECT count(*) FROM written', '0', 'writing: bodies that are cut leave no object');

$node->stop;
done_testing();
