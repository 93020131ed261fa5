# Makes JSON records, good and bad, and bodies that hold them.
#
# All is bytes, not characters.  The same seed makes the same cases: only rand()
# is asked, and its generator is Perl's own on every platform.

package JsonCases;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(@columns @misfits $types record mutated body chance pick);

# Bodies that are no single record with an integer "index", or look as if they were
# none: all that has been met in real topics and streams
our @misfits = (
	'{"index":1,"category":"art"}',
	'[{"index":2}]',
	'{index=7528, unique_id=fbe53c66}',
	'""',
	'"{\"index\":5}"',
	'eyJpbmRleCI6Nn0=',
	'{"index":7,"img_src":null}',
	'{"index":8}{"index":9}',
	'{"idx":10}',
	'{"index":"eleven"}',
	'{"index":12',
	'null', '13', '[]', ' ', "{\"index\":16}\n", '[{"index":17},{"index":18}]', '[[{"index":19}]]', ' [ "{\"index\":20}" ] ', '[{"index":21}');

# Definitions the columns need
our $types = q(
	CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
	CREATE TYPE pair AS (x integer, y text);
	CREATE TYPE nest AS (p pair, l int[], j json);
	CREATE DOMAIN positive AS integer CHECK (value > 0);
	CREATE DOMAIN present AS text NOT NULL;
	CREATE DOMAIN three AS int[] CHECK (cardinality(value) <= 3);
);

# Values that suit a type, as JSON text
my @integers = qw(0 1 -1 7 42 -0 32767 -32768 32768 -32769 2147483647 -2147483648 2147483648
  9223372036854775807 -9223372036854775808 9223372036854775808 999999999999999999
  1000000000000000000 -999999999999999999 "5" "-5" " 6 " "007" "+8" "" "-" "1_0" 1.0 1e2 1.5
  "9223372036854775807" 00 01 -01 --1 +1);
my @numbers = (
	@integers, qw(0.0 -0.0 0.1 1.5 -2.25 3.141592653589793 0.1e-5 1E5 1e+5 1e-5 1e22 1e23 1e308
	  1e309 1e400 -1e400 1e-400 123456789012345 1234567890123456 12345678901234567890
	  0.000000000000001 0.0000000000000001 9007199254740993 99999999.99 99999999.995 100000000
	  123.456789012345678901234567890 1. .5 -.5 1.e5 1e 1e+ 0x10 1.2.3 NaN Infinity -Infinity
	  "NaN" "Infinity" "-inf" "1e5" "0x1F" "1.5 " 4.9e-324 2.2250738585072014e-308 1e40 -1e39)
);
my %suit = (
	'smallint' => \@integers,
	'integer' => \@integers,
	'bigint' => \@integers,
	'real' => \@numbers,
	'double precision' => \@numbers,
	'numeric' => \@numbers,
	'numeric(10,2)' => \@numbers,
	'boolean' => [qw(true false "t" "false" "yes" "off" "on" "1" 0 1 2 "tru" " true " "" tru TRUE)],
	'timestamp' => [
		qw("2020-01-02T03:04:05" "2020-01-02T03:04:05.123456789Z" "infinity" "epoch" "yesterdayish"
		  "2020-13-01" "2020-02-30" 20200102 "294277-01-01"), '"2021-11-24 22:36:05"', '"1999-01-08 04:05:06 BC"'
	],
	'timestamp with time zone' =>
	  [ qw("2020-01-02T03:04:05Z" "2020-01-02T03:04:05+05:30" "-infinity"), '"2020-01-02 03:04 Europe/Nowhere"', '"2020-01-02 03:04:05 America/New_York"' ],
	'date' => [qw("2020-01-02" "2020-1-2" "20200102" 20200102 "infinity" "2020-02-30" "J2451187" "")],
	'time' => [qw("12:34:56" "24:00" "25:00" "12:34:56.789" "040506" 40506), '"04:05 PM"'],
	'interval' => [qw("PT1H" "P1Y2M3DT4H5M6S" "1" 1 "bogus" "P99999999999Y"), '"1 day 2 hours"', '"-3 mons"'],
	'uuid' => [
		qw("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" "A0EEBC999C0B4EF8BB6D6BB9BD380A11"
		  "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}" "a0eebc99" "" 12345678901234567890123456789012)
	],
	'bytea' => [ '"\\\\x00ff"', '"\\\\xZZ"', '"abc"', '"\\\\000"', '"\\\\"', '""', '12' ],
	'inet' => [qw("10.0.0.1" "10.0.0.0/8" "::1" "fe80::/64" "10.0.0.256" "" 10)],
	'int[]' => [ '[]', '[1,2,3]', '[ 1 , null , "3" ]', '[[1,2],[3,4]]', '[[1,2],[3]]', '[1,[2]]', '"{4,5}"', '"{4,x}"', '{"a":1}', '[1,"x"]', '7', '[[[[[[[1]]]]]]]', '[2147483648]', '[[],[]]' ],
	'text[]' => [ '["a","b,c","d\\"e",null,""]', '[1,true,{"a":[1, 2]},[3]]', '["\\ud83d\\ude00","\\u00e9"]', '"{a,b}"', '["NULL","{","\\\\"]', '[["a"],["b"]]', 'true' ],
	'text[][]' => [ '[["a","b"],["c",null]]', '[["a"],["b","c"]]', '["a"]', '"{{a,b}}"', '[[[1]],[[2]]]', '[[{"a":1},[2]]]' ],
	'pair' => [ '{"x":1,"y":"z"}', '{"x":"1","y":{"q" : [1]},"z":3}', '{}', '{"y":null,"y":2}', '"(1,abc)"', '"(1"', '"(,)"', '[1]', '3', '{"x":"bad"}' ],
	'pair[]' => [ '[{"x":1,"y":"a"},{"x":2}]', '[]', '[null,{}]', '[{"x":"bad"}]', '["(1,a)"]', '[1]', '[[{"x":1}],[{"x":2}]]', '{"x":1}' ],
	'nest' => [ '{"p":{"x":1,"y":"a"},"l":[1,2],"j":{"k" : 1}}', '{"p":"(3,b)","l":"{1}","j":"s\\u00e9"}', '{"j":null,"l":null}', '{"l":[1,[2]]}', '{"p":[]}' ],
	'positive' => [qw(1 0 -1 "5" "x" 2147483648)],
	'present' => [ '"here"', '""', '0', '[1]' ],
	'mood' => [qw("sad" "happy" "angry" "" 1 true "ok ")],
	'three' => [ '[1,2]', '[1,2,3,4]', '"{9}"', '[null]', '1' ],);

# Texts, json and jsonb take anything
$suit{$_} = undef foreach qw(text varchar varchar(5) char(5) json jsonb);

my $long = 'long_' . join('', map { chr(97 + $_ % 26) } 1 .. 58);

# [name, type]; some names are prefixes of others, one is not ASCII
our @columns = (
	(map { [ "c$_->[0]", $_->[1] ] } (
		[ s => 'smallint' ], [ i => 'integer' ], [ l => 'bigint' ], [ r => 'real' ],
		[ d => 'double precision' ], [ n => 'numeric' ], [ n2 => 'numeric(10,2)' ],
		[ b => 'boolean' ], [ t => 'text' ], [ v => 'varchar' ], [ v5 => 'varchar(5)' ],
		[ c5 => 'char(5)' ], [ j => 'json' ], [ jb => 'jsonb' ], [ ts => 'timestamp' ],
		[ tz => 'timestamp with time zone' ], [ da => 'date' ], [ ti => 'time' ],
		[ iv => 'interval' ], [ u => 'uuid' ], [ by => 'bytea' ], [ ip => 'inet' ],
		[ ia => 'int[]' ], [ ta => 'text[]' ], [ tt => 'text[][]' ], [ co => 'pair' ],
		[ ca => 'pair[]' ], [ ne => 'nest' ], [ dp => 'positive' ], [ dn => 'present' ],
		[ en => 'mood' ], [ d3 => 'three' ])),
	[ 'ke', 'text' ], [ 'key', 'integer' ], [ 'key_', 'text' ], [ 'k"\\', 'text' ],
	[ "\xC3\xA9", 'text' ], [ $long, 'text' ], [ "$long"  =~ s/.$//r, 'integer' ],);

my @unwanted = ('', 'k', 'keyy', 'cx', 'CI', "\xC3", "\xC3\xA9\xC3\xA9", 'c', 'cii', ' ci', "ci\t", "${long}x", 'x' x 100);

sub chance { my ($percent) = @_; return rand(100) < $percent; }
sub pick { return $_[ int(rand(@_)) ]; }

# White space; with line feeds where they may stand
sub space
{
	my ($lines) = @_;
	return '' if chance(80);
	my @kinds = (' ', ' ', "\t", "\r", $lines ? ("\n", "\r\n", "\n  ") : ());
	return join('', map { pick(@kinds) } 0 .. int(rand(chance(5) ? 40 : 3)));
}

sub utf8
{
	my ($code) = @_;
	return chr($code) if $code < 0x80;
	return pack('C2', 0xC0 | $code >> 6, 0x80 | $code & 0x3F) if $code < 0x800;
	return pack('C3', 0xE0 | $code >> 12, 0x80 | $code >> 6 & 0x3F, 0x80 | $code & 0x3F)
	  if $code < 0x10000;
	return pack('C4', 0xF0 | $code >> 18, 0x80 | $code >> 12 & 0x3F, 0x80 | $code >> 6 & 0x3F, 0x80 | $code & 0x3F);
}

my %short = (8 => '\b', 9 => '\t', 10 => '\n', 12 => '\f', 13 => '\r', 34 => '\"', 47 => '\/', 92 => '\\\\');

sub unicode_escape
{
	my ($code) = @_;
	my $format = pick('\u%04x', '\u%04X');
	return sprintf($format, $code) if $code < 0x10000;
	$code -= 0x10000;
	return sprintf("$format$format", 0xD800 + ($code >> 10), 0xDC00 + ($code & 0x3FF));
}

# One character of a JSON string, in one of its spellings
sub spelled
{
	my ($code, $escapes) = @_;
	my $must = $code < 0x20 || $code == 0x22 || $code == 0x5C;

	return utf8($code) if !$must && !chance($escapes);
	return $short{$code} if exists $short{$code} && chance(70);
	return unicode_escape($code);
}

# What strings should trip over
sub special
{
	return pick('\"', '\\\\', '\/', '\n', '\u00e9', '\u20AC', '\ud83d\ude00', "\xC3\xA9", "\xE2\x82\xAC",
		"\xF0\x9F\x98\x80", "\x7F", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF", '\uFFFF', '\u007f', '\u0001')
	  if chance(97);
	return pick('\u0000', '\ud83d', '\ude00', '\ud83d\ud83d', '\ud83dx', '\ud83d\n', '\u12', '\uzzzz', '\x',
		'\U0041', "\t", "\x01", "\x1F", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF", "\x80",
		"\xC3", "\xE2\x82", "\xF0\x9F\x98", '\u00', "\0", '\'', '\ud83d\u0041');
}

sub string
{
	my $kind = rand(100);

	return '"' . pick('', 'a', 'abc', 'true', 'null', '1', '2020-01-01', '124k', '{}', 'sad') . '"' if $kind < 25;

	# around the blocks of the scanner
	return '"' . 'a' x int(rand(71)) . special() . 'b' x int(rand(20)) . '"' if $kind < 60;
	return '"' . join('', map { special() } 0 .. int(rand(4))) . '"' if $kind < 70;
	my $escapes = pick(0, 10, 50, 100);
	my @of = @{ pick([ 0x20, 0x7E ], [ 0x01, 0x7F ], [ 0xA0, 0xFF ], [ 0x100, 0x7FF ], [ 0x800, 0xD7FF ], [ 0xE000, 0xFFFD ], [ 0x10000, 0x10FFFF ]) };
	return '"' . join('', map { spelled($of[0] + int(rand($of[1] - $of[0] + 1)), $escapes) } 0 .. int(rand(pick(5, 20, 70)))) . '"';
}

sub quoted
{
	my ($name) = @_;
	my $escapes = chance(5) ? 100 : 0;
	my $text = $name;

	return qq("$name") if !utf8::decode($text);
	return '"' . join('', map { spelled(ord($_), $escapes) } split(//, $text)) . '"';
}

sub deep
{
	my ($depth) = @_;
	my ($open, $close) = @{ pick([ '[', ']' ], [ '{"a":', '}' ], [ '[{"b":[', ']}]' ]) };
	my $inner = $open eq '[' && chance(50) ? '' : '1';

	$depth = int($depth / 3) if length($open) > 5;
	return $open x $depth . $inner . $close x $depth;
}

# Any JSON value
sub value
{
	my ($lines, $depth) = @_;
	my $kind = rand(100);

	return string() if $kind < 45 || ($depth > 4 && $kind >= 70);
	return pick(@numbers) if $kind < 58;
	return pick(qw(true false null)) if $kind < 69;
	return pick('nul', 'truefalse', 'True', 'undefined', '', "'a'", ',', ']', '}') if $kind < 70;
	return '[' . space($lines) . join(',', map { space($lines) . value($lines, $depth + 1) . space($lines) } 1 .. int(rand(4))) . ']'
	  if $kind < 83;
	return '{' . space($lines) . join(',', map { space($lines) . quoted(pick('a', 'b', '0', 'x', 'y', '', 'long key with blanks')) . space($lines) . ':' . space($lines) . value($lines, $depth + 1) . space($lines) } 1 .. int(rand(4))) . '}'
	  if $kind < 98;
	return deep(pick(1, 5, 60, 100));
}

sub suitable
{
	my ($type, $lines) = @_;
	my $values = $suit{$type};

	# Good ones stand at the front of the lists
	return pick(defined $values ? @$values[ 0 .. (@$values > 20 ? 6 : 1) ] : value($lines, 2)) if chance(88);
	return pick(@$values) if defined $values && chance(70);
	return value($lines, 0);
}

sub member
{
	my ($name, $value, $lines) = @_;
	return space($lines) . quoted($name) . space($lines) . ':' . space($lines) . $value . space($lines);
}

# A record; most are good.  $lines: may it span lines?
sub record
{
	my ($lines) = @_;
	my @chosen = map { pick(@columns) } 1 .. int(rand(7));
	my @members;

	@chosen = sort { $a->[0] cmp $b->[0] } @chosen if chance(60);
	@chosen = @columns if chance(2);
	foreach my $column (@chosen)
	{
		my ($name, $type) = @$column;
		push @members, member(pick(@unwanted), value($lines, 1), $lines) if chance(20);
		push @members, member($name, chance(5) ? 'null' : suitable($type, $lines), $lines);
		push @members, member($name, suitable($type, $lines), $lines) if chance(4);
	}
	push @members, member('cdn', '"present"', $lines) if chance(97);
	push @members, map { member("extra$_", value($lines, 3), $lines) } 1 .. 80 if chance(1);
	push @members, member(pick('cj', 'cjb', 'ct', 'deep'), deep(pick(1020 .. 1026)), $lines) if chance(1);
	@members = () if chance(1);
	@members = map { $_->[1] } sort { $a->[0] <=> $b->[0] } map { [ rand, $_ ] } @members if chance(10);
	return '{' . join(',', @members) . (@members ? '' : space($lines)) . '}';
}

# The record with some of its bytes changed
sub mutated
{
	my ($bytes) = @_;

	foreach (0 .. int(rand(3)))
	{
		my $at = int(rand(length($bytes) + 1));
		my $len = int(rand(pick(2, 4, 20)));
		my $new = chance(50) ? chr(int(rand(256))) : pick(qw({ } [ ] " \\ : - . e 0), ',', "\0", "\xC3", "\x80", 'null', '\u0000', ' ');
		my $kind = int(rand(6));

		if ($kind == 0) { substr($bytes, $at, $len) = '' if $at < length($bytes); }
		elsif ($kind == 1) { substr($bytes, $at, 0) = $new; }
		elsif ($kind == 2) { substr($bytes, $at, 1) = $new if $at < length($bytes); }
		elsif ($kind == 3) { substr($bytes, $at, 0) = substr($bytes, $at, $len); }
		elsif ($kind == 4) { $bytes = substr($bytes, 0, $at); }
		elsif ($at + 1 < length($bytes)) { substr($bytes, $at, 2) = reverse substr($bytes, $at, 2); }
	}
	return $bytes;
}

# A record no reader can refuse, whatever is in its values
sub plain_record
{
	my ($n) = @_;
	return sprintf('{"ci":%d,"ct":"%s","cj":%s,"cdn":"p"}',
		$n, join('', map { pick('a', ' ', '{', '}', '\n', '\"', '\\\\', "\xC3\xA9", '[', ',') } 1 .. int(rand(60))),
		pick('1', '[]', '{"a" : [1, {"b":"}"}]}', '[[],{}]', '"]"', 'null'));
}

sub pretty
{
	my ($record, $n) = @_;
	return sprintf("{\n  \"ci\": %d,\n  \"cj\": {\n    \"a\": [\n      1,\n      \"}\"\n    ]\n  },\r\n\"cdn\": \"p\"\n}", $n);
}

sub in_string
{
	my ($record) = @_;
	my $escapes = pick(0, 30);
	my $copy = $record;
	utf8::decode($copy);
	return '"' . join('', map { spelled(ord($_), $escapes) } split(//, $copy)) . '"';
}

# A body of $n good records: its bytes, and the bytes of each record in order
sub body
{
	my ($n) = @_;
	my @records =
	  map { my $r = plain_record($_); chance(20) ? pretty($r, $_) : chance(15) ? in_string($r) : chance(5) ? '{"cdn":""}' : $r } 1 .. $n;
	my $kind = int(rand(3));
	my $bytes = chance(10) ? "\xEF\xBB\xBF" : '';

	$bytes .= space(1);
	if ($kind == 0)
	{
		$bytes .= join('', map { $_ . pick("\n", "\r\n", "\n\n") } @records);
		$bytes =~ s/\s+$// if chance(30);
	}
	elsif ($kind == 1)
	{
		$bytes .= join('', map { $_ . space(1) } @records);
	}
	else
	{
		# one array, or several
		my @rest = @records;
		while (@rest)
		{
			my @some = splice(@rest, 0, 1 + int(rand(@rest)));
			$bytes .= '[' . space(1) . join(',', map { space(1) . $_ . space(1) } @some) . ']' . space(1);
			$bytes .= '[]' . space(1) if chance(10);
		}
	}
	return ($bytes, @records);
}

1;
