# IMPORT FOREIGN SCHEMA over a real S3 server: the same tables as over file://, with
# keys that have to be encoded, folders in several pages, and what goes wrong.

use strict;
use warnings;

use lib 'test/lib';
use File::Path qw(make_path);
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('import');
my $endpoint = start_versitygw();
plan skip_all => 'versitygw could not be built here' if !defined $endpoint;

# write FOLDER, NAME => CONTENT, …
sub write_objects
{
	my ($folder, %objects) = @_;
	foreach my $name (keys %objects)
	{
		my ($directory) = "$folder/$name" =~ m{^(.*)/};
		make_path($directory);
		append_to_file("$folder/$name", $objects{$name});
	}
	return;
}

# What a folder becomes in a schema, as text without the place of the folder
sub import_of
{
	my ($server, $folder, $rest, $options) = @_;

	# The names of temporary folders are too long for that of a schema
	$options = join(', ', "location '$folder'", $options // ());
	my $tables = $node->safe_psql('postgres', qq{
		SET client_min_messages = warning;
		DROP SCHEMA IF EXISTS imported CASCADE;
		CREATE SCHEMA imported;
		IMPORT FOREIGN SCHEMA "." $rest FROM SERVER $server INTO imported OPTIONS ($options);
		SELECT relname, ftoptions FROM pg_foreign_table JOIN pg_class c ON c.oid = ftrelid
			ORDER BY relname COLLATE "C";
		SELECT relname, attname, format_type(atttypid, atttypmod), attfdwoptions
			FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
			WHERE relnamespace = 'imported'::regnamespace AND attnum > 0
			ORDER BY relname COLLATE "C", attnum;});

	return $tables =~ s/\Q$folder\E/FOLDER/gr;
}

$node->safe_psql('postgres', 'CREATE SERVER files FOREIGN DATA WRAPPER s3_json');
create_bucket_server($node, 'lake', $endpoint);

my $folder = PostgreSQL::Test::Utils::tempdir('lake');
$node->safe_psql('postgres', 'SELECT pinterest.generate_posts(200, 3)');
write_sink($node, $folder, 'u1.pin', 'SELECT row_to_json(t) FROM pinterest_data t');
write_sink($node, $folder, 'u1.geo', 'SELECT row_to_json(t) FROM geolocation_data t');
write_objects(
	$folder,
	'plain/Pins/2024/a.json' => qq({"Index":1,"tags":["a"],"at":"2024-01-01T00:00:00Z"}\n),
	'plain/two words & more/a.json' => qq({"a":1.5}\n),
	'plain/percent%41/a.json' => qq({"b":true}\n),
	"plain/\xc3\xbcml\xc3\xa4ut/a.json" => qq({"c":"x"}\n),
	'plain/day=1/a.json' => qq({"no":1}\n),
	'plain/_hidden/a.json' => qq({"no":1}\n),
	'plain/object.json' => qq({"no":1}\n),
	'bad/broken/a.json.gz' => substr("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 0, 10));
put_folder($endpoint, 'import-bucket', $folder);

# The same over both, whatever is imported
foreach my $case (
	[ '', '' ],
	[ '/topics', '', q(metadata 'true') ],
	[ '/plain', '' ],
	[ '/plain/', 'LIMIT TO (pins, "two words & more")' ],
	[ '/plain', 'EXCEPT ("Pins")', q(on_error 'ignore', sample_objects '1') ])
{
	my ($place, @rest) = @$case;
	my $expected = import_of('files', "file://$folder$place", @rest);

	isnt($expected, '', "tables of \"$place\" @rest");
	is(import_of('lake', "s3://import-bucket$place", @rest), $expected,
		"... are the same over s3://");
}

# What is imported can be read
import_of('lake', 's3://import-bucket', '');
succeeds($node, 'SELECT count(*) FROM imported."u1.pin"', '200', 'a topic is read');
import_of('lake', 's3://import-bucket', 'LIMIT TO ("u1.geo")', q(metadata 'true'));
succeeds($node, 'INSERT INTO imported."u1.geo" (ind, record_partition) VALUES (-1, 7)', '', '... and written');
succeeds($node,
	q(SELECT ind, record_path, record_offset FROM imported."u1.geo" WHERE record_partition = 7),
	'-1|s3://import-bucket/topics/u1.geo/partition=7/u1.geo+7+0000000000.json|0', '... by partition');
import_of('lake', 's3://import-bucket/plain', '');
succeeds($node,
	'SELECT p.index, p.tags, m.a, k.b, u.c
	FROM imported.pins p, imported."two words & more" m, imported."percent%41" k, imported."ümläut" u',
	'1|["a"]|1.5|t|x', 'names with special characters are read');

# Folders come in pages of 1000
my $many = PostgreSQL::Test::Utils::tempdir('many');
write_objects($many, map { (sprintf('f%04d/a.json', $_) => "{\"n\":$_}") } 1 .. 1300);
put_folder($endpoint, 'many-bucket', $many);
import_of('lake', 's3://many-bucket', 'LIMIT TO (f0001, f1000, f1001, f1300)');
succeeds($node,
	'SELECT * FROM imported.f0001, imported.f1000, imported.f1001, imported.f1300',
	'1|1000|1001|1300', 'folders of all pages are found');

# What goes wrong
fails($node, 'IMPORT FOREIGN SCHEMA "s3://no-such-bucket" FROM SERVER lake INTO imported',
	{ state => 'HV\w{3}|42\w{3}', like => [qr/no-such-bucket/] }, 'a bucket that is not there');
fails($node, 'IMPORT FOREIGN SCHEMA "s3://import-bucket/bad" FROM SERVER lake INTO imported',
	{ state => 'XX001', like => [qr/s3_json import of "broken", object "s3:/] },
	'an object that cannot be read is named');
$node->safe_psql('postgres', 'CREATE ROLE importer LOGIN; GRANT USAGE ON FOREIGN SERVER lake TO importer; GRANT ALL ON SCHEMA imported TO importer');
fails($node, 'SET ROLE importer; IMPORT FOREIGN SCHEMA "s3://import-bucket/plain" FROM SERVER lake INTO imported',
	{ state => 'HV00J', like => [qr/has no keys for server/] }, 'the keys are those of the current user');
$node->safe_psql('postgres', q(CREATE USER MAPPING FOR importer SERVER lake OPTIONS (access_key_id 'AKIDTEST', secret_access_key 'wrong')));
fails($node, 'SET ROLE importer; IMPORT FOREIGN SCHEMA "s3://import-bucket/plain" FROM SERVER lake INTO imported',
	{ state => '28000|42501|HV\w{3}', like => [qr/import-bucket/] }, 'keys that are refused');

# A service that hangs can be left at once; a listing without end ends
our $faults = start_fault_server();	# our: it is to live until the END blocks have run
create_bucket_server($node, 'faulty', $faults->endpoint);
$faults->generate('slow', count => 10, key => 'pins/a{:010d}.json', body => '{"a":1}');
$faults->fault('slow', fault => 'hang', op => 'list');
fails($node, q(SET statement_timeout = '1s'; IMPORT FOREIGN SCHEMA "s3://slow" FROM SERVER faulty INTO imported),
	{ state => '57014', within => 2.5 }, 'the listing of folders can be cancelled');
$faults->generate('endless', count => 10, key => 'a{:010d}.json', body => '{"a":1}');
$faults->fault('endless', fault => 'endless', op => 'list');
fails($node, 'IMPORT FOREIGN SCHEMA "s3://endless" FROM SERVER faulty INTO imported',
	{ state => '54000|HV000', like => [qr/endless/] }, 'a listing without end');

done_testing();
