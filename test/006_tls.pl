# HTTPS with a private authority: option ca_file of a server, and what can be
# wrong with a certificate.

use strict;
use warnings;

use lib 'test/lib';
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('tls');
my $folder = PostgreSQL::Test::Utils::tempdir('tls');
my $names = 'DNS:localhost,IP:127.0.0.1';

# A self-signed certificate, and its key
sub make_authority
{
	my ($name, @more) = @_;
	system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
		'-subj', "/CN=$name", @more, '-keyout', "$folder/$name.key", '-out', "$folder/$name.pem");
	return;
}

# A certificate that the authority "right" signs
sub make_certificate
{
	my ($name, $subject_names, $days) = @_;
	append_to_file("$folder/$name.ext", "subjectAltName=$subject_names\n");
	system_or_bail('openssl', 'req', '-newkey', 'rsa:2048', '-nodes', '-subj', "/CN=$name",
		'-keyout', "$folder/$name.key", '-out', "$folder/$name.csr");
	system_or_bail('openssl', 'x509', '-req', '-in', "$folder/$name.csr", '-days', $days,
		'-CA', "$folder/right.pem", '-CAkey', "$folder/right.key", '-CAcreateserial',
		'-extfile', "$folder/$name.ext", '-out', "$folder/$name.pem");
	return;
}

sub start_tls
{
	my ($name) = @_;
	my $server = start_fault_server('--tls', "$folder/$name.pem", "$folder/$name.key");
	return ($server->endpoint, $server);
}

# A server with a table of the same name
sub create_table
{
	my ($name, $endpoint, $ca_file, %with) = @_;
	create_bucket_server($node, $name, $endpoint, %with);
	$node->safe_psql('postgres', "ALTER SERVER $name OPTIONS (ADD ca_file '$ca_file')") if $ca_file;
	$node->safe_psql('postgres',
		"CREATE FOREIGN TABLE $name (n int) SERVER $name OPTIONS (location 's3://bucket/in/')");
	return;
}

# One try, an error that names the option
sub refused
{
	my ($table, $pattern, $name) = @_;
	my $stderr = fails($node, "SELECT * FROM $table",
		{ state => 'HV00N', like => [ $pattern, qr/HINT:.*ca_file/ ], within => 20 }, $name);
	unlike($stderr, qr/was sent \d+ times/, "$name: no retries");
	return;
}

make_authority('right');
make_authority('wrong');
make_authority('self', '-addext', "subjectAltName=$names");
make_certificate('good', "$names,DNS:*.localhost", 2);
make_certificate('expired', $names, -1);
make_certificate('other', 'DNS:other.example', 2);

my ($endpoint, $server) = start_tls('good');
my $by_address = $endpoint =~ s/localhost/127.0.0.1/r;
my $right = "$folder/right.pem";

# A request to the fault server itself
sub control
{
	my ($method, $path, $content) = @_;
	my @command = ('curl', '-sS', '--fail', '--noproxy', '*', '--cacert', $right, '-X', $method);
	push @command, '--data-binary', $content if defined $content;
	return (run_command([ @command, "$endpoint$path" ]))[0];
}
control('PUT', "/bucket/in/$_.json", "{\"n\":$_}") foreach 1 .. 20;

create_table('by_name', $endpoint, $right);
create_table('by_address', $by_address, $right);
create_table('without', $endpoint, '');
create_table('wrong', $endpoint, "$folder/wrong.pem");
succeeds($node, 'SELECT count(*), sum(n) FROM by_name', '20|210', 'by the name of the host');
succeeds($node, 'SELECT count(*), sum(n) FROM by_address', '20|210', 'by its address');

my ($connections) = control('GET', '/-/bucket') =~ /"connections": (\d+)/;
$node->safe_psql('postgres', 'SET pinterest.s3_connections = 1; SELECT * FROM by_name; SELECT * FROM by_name');
my ($now) = control('GET', '/-/bucket') =~ /"connections": (\d+)/;
is($now - $connections, 1, 'one connection serves two scans of 20 objects');

# Connections that one server's authorities allowed serve no other server
refused('without', qr/certificate/, 'an authority that the machine does not know');
refused('wrong', qr/certificate/, 'another authority');
foreach my $other (qw(without wrong))
{
	my ($rc, $stdout, $stderr) = $node->psql('postgres',
		"SELECT count(*) FROM by_name;\nSELECT count(*) FROM $other;", on_error_stop => 0);
	is($stdout, '20', "right, then $other: the first works, the second does not");
	like($stderr, qr/certificate/, "right, then $other: its certificate is refused");
}

append_to_file("$folder/text.pem", "no certificate\n");
create_table('missing', $endpoint, "$folder/missing.pem");
create_table('text', $endpoint, "$folder/text.pem");
refused('missing', qr/could not open file ".*missing\.pem": No such file/, 'a missing file');
refused('text', qr/text\.pem" holds no certificates in PEM format/, 'a file that is not PEM');

my @servers;
foreach my $case ([ 'expired', $right, qr/expired/ ], [ 'other', $right, qr/(?:match|name)/ ],
	[ 'self', $right, qr/self.signed/ ])
{
	my ($name, $ca_file, $pattern) = @$case;
	my ($at, $peer) = start_tls($name);
	push @servers, $peer;
	create_table("cert_$name", $at, $ca_file);
	refused("cert_$name", $pattern, "certificate: $name");
}

done_testing();
