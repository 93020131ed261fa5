# The same over two S3 servers that both check signatures, and differ in what they
# are strict about: names, pages, pushdown, writing, the ten views, objects that
# change, HTTPS, and buckets in the host name.  MinIO gives session tokens, too.
#
# PINTEREST_SEED makes other conditions.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = new_node('servers');
my $certificates = PostgreSQL::Test::Utils::tempdir('certificates');
my $sum = 'SELECT count(*), sum(n) FROM t';

srand($ENV{PINTEREST_SEED} // 1);
note 'PINTEREST_SEED=' . ($ENV{PINTEREST_SEED} // 1);
system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
	'-addext', 'subjectAltName=DNS:localhost,DNS:names.localhost,IP:127.0.0.1',
	'-keyout', "$certificates/key.pem", '-out', "$certificates/certificate.pem");
$node->safe_psql('postgres', 'CREATE SERVER files FOREIGN DATA WRAPPER s3_json; SELECT pinterest.generate_posts(300, 3)');

sub table_over
{
	my ($server, $location, $options) = @_;

	$node->safe_psql(
		'postgres', qq(
		DROP FOREIGN TABLE IF EXISTS t;
		CREATE FOREIGN TABLE t (n int, key text OPTIONS (metadata 'path')) SERVER $server
			OPTIONS (location '$location'@{[ $options ? ", $options" : '' ]});));
	return;
}

# A folder with these files, of which each holds {"n": its number} or what is given
sub folder_of
{
	my (@files) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir('objects');
	my $n = 0;

	foreach my $file (@files)
	{
		my ($name, $body) = ref $file ? @$file : ($file, sprintf("{\"n\":%d}\n", ++$n));
		my ($inside) = $name =~ m{^(.*)/};
		system_or_bail('mkdir', '-p', "$folder/$inside") if defined $inside;
		append_to_file("$folder/$name", $body);
	}
	return $folder;
}

sub rows
{
	my ($query) = @_;
	return $node->safe_psql('postgres', "SELECT r FROM (SELECT row_to_json(q)::text AS r FROM ($query) q) s ORDER BY r COLLATE \"C\"");
}

sub check_names
{
	my ($server, $endpoint) = @_;
	my @odd = ('a b', 'a+b', 'a%b', 'a%20b', 'a=b&c=d', q(a'b"c), 'ä€😀', 'a;b,c:d@e!$(f)~[g]{h}`#?');

	put_folder($endpoint, 'names', folder_of(map { "in/$_.json" } @odd));
	table_over($server, 's3://names/in/');
	succeeds($node, $sum, '8|36', "$server: odd names");
	succeeds($node, 'SELECT string_agg(key, E\'\n\' ORDER BY n) FROM t',
		join("\n", map { "s3://names/in/$_.json" } @odd), "$server: odd names come back as they are");
	foreach my $name (@odd)
	{
		my $quoted = $name =~ s/'/''/gr;
		succeeds($node, "SELECT count(*) FROM t WHERE key = 's3://names/in/$quoted.json'", '1', "$server: only $name");
	}
	return;
}

sub check_pages
{
	my ($server, $endpoint) = @_;

	put_folder($endpoint, 'pages', folder_of(map { sprintf('in/%d/%05d.json', $_ % 3, $_) } 1 .. 1100));
	table_over($server, 's3://pages/in/');
	succeeds($node, $sum, '1100|605550', "$server: two pages");
	is($node->safe_psql('postgres', "EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) $sum") =~ /List Requests: (\d+)/ ? $1 : 0,
		2, "$server: a request for each page");
	table_over($server, 's3://pages/in/*/*5.json');
	succeeds($node, $sum, '110|60500', "$server: wildcards");
	succeeds($node, "SELECT string_agg(relname, ' ' ORDER BY relname) FROM (SELECT relname FROM pg_class WHERE relnamespace = 'pages_$server'::regnamespace) c",
		'0 1 2', "$server: folders become tables")
	  if $node->safe_psql('postgres', "CREATE SCHEMA pages_$server; IMPORT FOREIGN SCHEMA \"s3://pages/in\" FROM SERVER $server INTO pages_$server; SELECT 1");
	return;
}

# Conditions on what is known of whole objects: the rows of a plain copy
sub check_pushdown
{
	my ($server, $endpoint) = @_;
	my @keys = map { my $p = $_; map { sprintf('in/partition=%d/t+%d+%010d.json', $p, $p, 10 * $_) } 0 .. 4 } 0 .. 5;
	my $pick = sub { $_[ int(rand(@_)) ] };
	my $one = sub {
		$pick->(
			sprintf('part %s %d', $pick->(qw(= < > <>)), int(rand(7))),
			sprintf('day = \'%d\'', int(rand(7))),
			sprintf('day IN (\'%d\', \'%d\')', int(rand(7)), int(rand(7))),
			sprintf('path = \'s3://pushdown/%s\'', $pick->(@keys)),
			sprintf('size %s %d', $pick->(qw(< > =)), 8 + int(rand(3))),
			sprintf('n %% %d = 0', 2 + int(rand(3))),
			'last < now()', 'last > now()', 'etag IS NULL');
	};
	my @conditions = map { '(' . join($pick->(' AND ', ' OR '), map { $one->() } 0 .. int(rand(3))) . ')' } 1 .. 60;
	my $array = join(', ', map { "\$q\$$_\$q\$" } @conditions);

	put_folder($endpoint, 'pushdown', folder_of(@keys));
	$node->safe_psql(
		'postgres', qq(
		DROP FOREIGN TABLE IF EXISTS pushed;
		DROP TABLE IF EXISTS plain;
		CREATE FOREIGN TABLE pushed (n int, path text OPTIONS (metadata 'path'), size bigint OPTIONS (metadata 'size'),
			last timestamptz OPTIONS (metadata 'last_modified'), etag text OPTIONS (metadata 'etag'),
			part int OPTIONS (metadata 'partition'), day text OPTIONS (hive_key 'partition'))
		SERVER $server OPTIONS (location 's3://pushdown/in/partition=*/', layout 'sink');
		CREATE TABLE plain AS SELECT * FROM pushed;
		CREATE OR REPLACE FUNCTION same(condition text) RETURNS boolean LANGUAGE plpgsql AS \$\$
		DECLARE
			result boolean;
		BEGIN
			EXECUTE format('WITH one AS (SELECT * FROM pushed WHERE %1\$s), two AS (SELECT * FROM plain WHERE %1\$s)
				SELECT NOT EXISTS (TABLE one EXCEPT ALL TABLE two) AND NOT EXISTS (TABLE two EXCEPT ALL TABLE one)', condition)
				INTO result;
			RETURN result;
		END \$\$));
	is($node->safe_psql('postgres', 'SELECT count(*) FROM plain'), 30, "$server: all rows");
	is($node->safe_psql('postgres', "SELECT c FROM unnest(ARRAY[$array]) AS c WHERE NOT same(c)"),
		'', "$server: random conditions give the rows of a plain copy");
	return;
}

sub check_writing
{
	my ($server, $endpoint) = @_;

	put_folder($endpoint, 'written', folder_of('seed'));
	foreach my $case (
		[ 'one object', 's3://written/one/', '', 1000, 1 ],
		[ 'many objects, gzip', 's3://written/many/', "rows_per_object '100', compression 'gzip'", 1000, 10 ],
		[ 'odd names', 's3://written/a b+c%d/ä€😀=&/', '', 100, 1 ],
		[ 'in parts', 's3://written/parts/', "rows_per_object '10000000'", 1_500_000, 1 ],)
	{
		my ($name, $location, $options, $rows, $objects) = @$case;

		table_over($server, $location, $options);
		succeeds($node, "INSERT INTO t SELECT n FROM generate_series(1, $rows) n; SELECT count(*), sum(n), count(DISTINCT key) FROM t",
			join('|', $rows, $rows * ($rows + 1) / 2, $objects), "$server: writing, $name");
	}
	table_over($server, 's3://no-such-bucket/in/');
	fails($node, 'INSERT INTO t VALUES (1)', { state => '42704', like => [qr/NoSuchBucket/] }, "$server: writing to no bucket");
	return;
}

sub uploads_of
{
	my ($endpoint, $bucket, $key) = @_;
	my ($keys) = PostgreSQL::Test::Utils::run_command([ 'python3', 'test/servers/put_folder.py', '--uploads', $endpoint, $bucket, $key ]);
	return $keys;
}

# Of an upload in parts, what fails or is cancelled leaves nothing that is paid for
sub check_uploads
{
	my ($server, $endpoint) = @_;
	my $key = 'topics/t/partition=0/t+0+0000000000.json';
	my $insert = "INSERT INTO t SELECT CASE WHEN n = 900000 THEN %s ELSE n END FROM generate_series(1, 900000) n";
	my $sleep = sprintf($insert, '(SELECT 1 FROM pg_sleep(600 + 0 * n))') . ";\n";

	put_folder($endpoint, 'uploads', folder_of('seed'));
	table_over($server, 's3://uploads/topics/t/partition=*/', "layout 'sink', rows_per_object '10000000'");
	fails($node, sprintf($insert, '1 / (n - 900000)'), { state => '22012' }, "$server: a row of an upload in parts fails");
	is(uploads_of($endpoint, 'uploads', $key), '', "$server: ... no upload is left");

	my $run = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres') ],
		'<', \$sleep, '>', \my $stdout, '2>', \my $stderr, IPC::Run::timeout(60));
	for (1 .. 150)
	{
		last if uploads_of($endpoint, 'uploads', $key) ne '' || !$run->pumpable;
		$run->pump_nb;
		sleep(0.2);
	}
	is(uploads_of($endpoint, 'uploads', $key), $key, "$server: an upload in parts is listed");
	$node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'INSERT INTO t%' AND pid <> pg_backend_pid()));
	$run->finish;
	like($stderr, qr/canceling statement/, "$server: ... and cancelled");
	is(uploads_of($endpoint, 'uploads', $key), '', "$server: ... no upload is left");
	succeeds($node, 'SELECT count(*) FROM t', '0', "$server: ... nor an object");
	return;
}

# What changes between the listing and the reading
sub check_changes
{
	my ($server, $endpoint) = @_;
	my $last = 'in/9.json';
	my $cursor = "SET pinterest.s3_connections = 1;\nBEGIN; DECLARE c CURSOR FOR SELECT n FROM t; FETCH 1 FROM c;\n\\! %s\nFETCH ALL FROM c; COMMIT;";
	my $put = 'python3 test/servers/put_folder.py';
	my $other = folder_of([ $last, "{\"n\":9, \"replaced\":true}\n" ]);

	my $folder = folder_of(map { "in/$_.json" } 1 .. 9);
	put_folder($endpoint, 'changes', $folder);
	table_over($server, 's3://changes/in/');
	fails($node, sprintf($cursor, "$put $endpoint changes $other"),
		{ state => '40001', like => [ qr{s3://changes/\Q$last\E}, qr/replaced/ ] }, "$server: an object is replaced");
	put_folder($endpoint, 'changes', $folder);
	fails($node, sprintf($cursor, "$put --remove $endpoint changes $last"),
		{ state => '40001', like => [ qr{s3://changes/\Q$last\E}, qr/removed/, qr/HINT:.*missing_objects/ ] }, "$server: an object is removed");
	put_folder($endpoint, 'changes', $folder);
	table_over($server, 's3://changes/in/', "missing_objects 'skip'");
	my ($rc, $stdout, $stderr) = $node->psql('postgres', sprintf($cursor, "$put --remove $endpoint changes $last"));
	is(scalar(() = $stdout =~ /^\d$/mg), 8, "$server: an object is removed, and left out") or diag($stderr);
	like($stderr, qr/NOTICE:  1 object /, "$server: an object is removed: a notice");
	return;
}

sub check_refusals
{
	my ($server, $endpoint) = @_;

	create_bucket_server($node, "${server}_secret", $endpoint, secret_access_key => 'not-secretkeytest123');
	create_bucket_server($node, "${server}_key", $endpoint, access_key_id => 'AKIDOTHER');
	create_bucket_server($node, "${server}_region", $endpoint, region => 'eu-central-1');
	create_bucket_server($node, "${server}_token", $endpoint, session_token => 'a+b/c=');
	table_over("${server}_secret", 's3://names/in/');
	fails($node, $sum, { state => '28000', like => [qr/SignatureDoesNotMatch/] }, "$server: wrong secret");
	table_over("${server}_key", 's3://names/in/');
	fails($node, $sum, { state => '28000', like => [qr/InvalidAccessKeyId/] }, "$server: unknown key");
	table_over("${server}_region", 's3://names/in/');
	fails($node, $sum, { state => 'HV000', like => [qr/HINT:.*region.*us-east-1/] }, "$server: wrong region");
	table_over($server, 's3://no-such-bucket/in/');
	fails($node, $sum, { state => '42704', like => [qr/NoSuchBucket/] }, "$server: no such bucket");
	return;
}

sub check_views
{
	my ($server, $endpoint, $folder) = @_;

	put_folder($endpoint, 'lake', $folder);
	$node->safe_psql('postgres', "SELECT pinterest.create_pipeline('p_$server', server => '$server', user_id => '0e1a2b3c4d5f', location => 's3://lake')");
	foreach my $view (@views)
	{
		my ($name) = @$view;
		my $expected = rows("SELECT * FROM p_files.$name");

		isnt($expected, '', "$server: $name has an answer");
		is(rows("SELECT * FROM p_$server.$name"), $expected, "$server: $name");
	}
	return;
}

# HTTPS, with the bucket in the path and in the host name, and that without HTTPS
sub check_addresses
{
	my ($kind, $plain) = @_;
	my $tls = start_s3($kind, "$certificates/certificate.pem", "$certificates/key.pem");
	my $by_name = $plain =~ s/127\.0\.0\.1/localhost/r;
	my $tls_by_name = $tls =~ s/127\.0\.0\.1/localhost/r;

	put_folder($tls, 'names', folder_of(map { "in/$_.json" } 1 .. 8));
	foreach my $case ([ 'host', $by_name, 'false', '' ], [ 'tls', $tls, 'true', 'certificate.pem' ],
		[ 'tls_host', $tls_by_name, 'false', 'certificate.pem' ])
	{
		my ($name, $endpoint, $path_style, $authority) = @$case;
		my $server = "${kind}_$name";

		create_bucket_server($node, $server, $endpoint, path_style => $path_style);
		$node->safe_psql('postgres', "ALTER SERVER $server OPTIONS (ADD ca_file '$certificates/$authority')") if $authority;
		table_over($server, 's3://names/in/');
		succeeds($node, $sum, '8|36', "$server: reading");
		table_over($server, "s3://names/$name a+b/");
		succeeds($node, "INSERT INTO t VALUES (7); $sum", '1|7', "$server: writing");
		is($node->safe_psql('postgres', "SELECT string_agg(step, ' ') FROM pinterest.check_server('$server', 's3://names/in/') WHERE outcome = 'failed'"),
			'', "$server: check_server");
	}
	return;
}

# Keys of a role, for a user that may only read
sub check_tokens
{
	my ($endpoint) = @_;

	create_bucket_server($node, 'minio_role', $endpoint);
	$node->safe_psql('postgres',
		"ALTER SERVER minio_role OPTIONS (ADD role_arn 'arn:aws:iam::123456789012:role/reader', ADD sts_endpoint '$endpoint')");
	table_over('minio_role', 's3://names/in/');
	succeeds($node, $sum, '8|36', 'minio: keys of a role, with a token');
	table_over('minio_role', 's3://names/role/');
	succeeds($node, "INSERT INTO t VALUES (7); $sum", '1|7', 'minio: writing with a token');
	table_over('minio_token', 's3://names/in/');
	fails($node, $sum, { state => '28000' }, 'minio: a token that belongs to no keys');
	return;
}

my $sink = PostgreSQL::Test::Utils::tempdir('sink');
write_sink($node, $sink, '0e1a2b3c4d5f.pin', 'SELECT row_to_json(t) FROM pinterest_data t ORDER BY t.index');
write_sink($node, $sink, '0e1a2b3c4d5f.geo', 'SELECT row_to_json(t) FROM geolocation_data t ORDER BY t.ind');
write_sink($node, $sink, '0e1a2b3c4d5f.user', 'SELECT row_to_json(t) FROM user_data t ORDER BY t.ind');
$node->safe_psql('postgres', "SELECT pinterest.create_pipeline('p_files', server => 'files', user_id => '0e1a2b3c4d5f', location => 'file://$sink')");

foreach my $kind (qw(versitygw minio))
{
  SKIP:
	{
		my $endpoint = start_s3($kind);

		skip "$kind could not be built here", 1 if !defined $endpoint;
		create_bucket_server($node, $kind, $endpoint);
		check_names($kind, $endpoint);
		check_pages($kind, $endpoint);
		check_pushdown($kind, $endpoint);
		check_writing($kind, $endpoint);
		check_uploads($kind, $endpoint);
		check_changes($kind, $endpoint);
		check_refusals($kind, $endpoint);
		check_views($kind, $endpoint, $sink);
		check_addresses($kind, $endpoint);
		check_tokens($endpoint) if $kind eq 'minio';
	}
}

$node->stop;
done_testing();
