/*-------------------------------------------------------------------------
 *
 * xml.c
 *	  A pull parser for the XML that AWS services answer with.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/xml.h"
#include "mb/pg_wchar.h"

void
xml_begin(XmlReader *reader, char *document, size_t len)
{
	memset(reader, 0, sizeof(XmlReader));
	reader->start = reader->at = document;
	reader->end = document + len;
	if (len >= 3 && memcmp(document, "\xEF\xBB\xBF", 3) == 0)
		reader->at += 3;
}

bool
xml_name_is(const XmlReader *reader, const char *name)
{
	return strlen(name) == reader->name.len &&
		memcmp(name, reader->name.start, reader->name.len) == 0;
}

static XmlEvent
malformed(XmlReader *reader, const char *problem)
{
	if (reader->problem == NULL)
		reader->problem = problem;
	reader->at = reader->end;
	return XML_MALFORMED;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
starts_with(const XmlReader *reader, const char *literal)
{
	size_t		len = strlen(literal);

	return (size_t) (reader->end - reader->at) >= len &&
		memcmp(reader->at, literal, len) == 0;
}

/* The first place at or after from that holds literal; NULL if none does. */
static char *
find(const XmlReader *reader, char *from, const char *literal)
{
	size_t		len = strlen(literal);

	while (from != NULL && (size_t) (reader->end - from) >= len)
	{
		from = memchr(from, literal[0], reader->end - from - len + 1);
		if (from == NULL || memcmp(from, literal, len) == 0)
			return from;
		from++;
	}
	return NULL;
}

static XmlName
local_name(XmlName name)
{
	const char *colon = memchr(name.start, ':', name.len);

	if (colon != NULL)
	{
		name.len -= colon + 1 - name.start;
		name.start = colon + 1;
	}
	return name;
}

/* The name at reader->at, which moves behind it; empty if there is none. */
static XmlName
take_name(XmlReader *reader)
{
	XmlName		name = {reader->at, 0};

	while (reader->at < reader->end && !is_blank(*reader->at) &&
		   strchr("/><='\"&", *reader->at) == NULL)
		reader->at++;
	name.len = reader->at - name.start;
	return name;
}

/* "&#65;" or "&#x41;", from behind the "&#"; the number of bytes written. */
static int
decode_number(const char *at, const char *end, char *to)
{
	bool		hex = at < end && *at == 'x';
	uint32		code = 0;
	int			digits = 0;

	for (at += hex; at < end; at++, digits++)
	{
		int			digit = *at >= '0' && *at <= '9' ? *at - '0' :
			hex && *at >= 'a' && *at <= 'f' ? *at - 'a' + 10 :
			hex && *at >= 'A' && *at <= 'F' ? *at - 'A' + 10 : -1;

		if (digit < 0 || code > 0x10FFFF)
			return 0;
		code = code * (hex ? 16 : 10) + digit;
	}
	if (digits == 0 || code == 0 || code > 0x10FFFF ||
		(code >= 0xD800 && code <= 0xDFFF))
		return 0;
	unicode_to_utf8(code, (unsigned char *) to);
	return pg_utf_mblen((unsigned char *) to);
}

/* The entity between "&" and ";"; the number of bytes written, 0 if unknown. */
static int
decode_entity(const char *at, const char *end, char *to)
{
	static const struct
	{
		const char *name;
		char		value;
	}			known[] = {
		{"quot", '"'}, {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"apos", '\''}
	};
	int			i;

	if (at < end && *at == '#')
		return decode_number(at + 1, end, to);
	for (i = 0; i < (int) lengthof(known); i++)
		if (strlen(known[i].name) == (size_t) (end - at) &&
			memcmp(known[i].name, at, end - at) == 0)
		{
			*to = known[i].value;
			return 1;
		}
	return 0;
}

/* Decoded text is never longer than its source, so it replaces it. */
static XmlEvent
decode_text(XmlReader *reader, char *from, char *end)
{
	char	   *to = memchr(from, '&', end - from);

	reader->text = from;
	reader->text_len = end - from;
	if (to == NULL)
		return XML_TEXT;
	for (from = to; from < end;)
	{
		char	   *semicolon;
		char		decoded[8];
		int			n;

		if (*from != '&')
		{
			*to++ = *from++;
			continue;
		}
		semicolon = memchr(from, ';', end - from);
		n = semicolon == NULL ? 0 : decode_entity(from + 1, semicolon, decoded);
		if (n == 0)
			return malformed(reader, "it holds an unknown character reference");
		memcpy(to, decoded, n);
		to += n;
		from = semicolon + 1;
	}
	reader->text_len = to - reader->text;
	return XML_TEXT;
}

static XmlEvent
close_element(XmlReader *reader)
{
	reader->depth--;
	reader->name = local_name(reader->open[reader->depth]);
	return XML_CLOSE;
}

/* at is behind "</" */
static XmlEvent
closing_tag(XmlReader *reader)
{
	XmlName		name = take_name(reader);
	const XmlName *open;

	while (reader->at < reader->end && is_blank(*reader->at))
		reader->at++;
	if (reader->at >= reader->end || *reader->at++ != '>')
		return malformed(reader, "a closing tag is cut off");
	if (reader->depth == 0)
		return malformed(reader, "a tag is closed that was not open");
	open = &reader->open[reader->depth - 1];
	if (open->len != name.len || memcmp(open->start, name.start, name.len) != 0)
		return malformed(reader, "tags are not closed in the order they were opened");
	return close_element(reader);
}

/* Moves behind the ">" of an opening tag, past its attributes. */
static bool
skip_attributes(XmlReader *reader)
{
	char		quote = '\0';

	for (; reader->at < reader->end; reader->at++)
	{
		char		c = *reader->at;

		if (quote != '\0')
		{
			if (c == quote)
				quote = '\0';
		}
		else if (c == '"' || c == '\'')
			quote = c;
		else if (c == '<')
			return false;
		else if (c == '>')
		{
			reader->closing = reader->at[-1] == '/';
			reader->at++;
			return true;
		}
	}
	return false;
}

/* at is behind "<" */
static XmlEvent
opening_tag(XmlReader *reader)
{
	XmlName		name = take_name(reader);

	if (name.len == 0)
		return malformed(reader, "a tag has no name");
	if (reader->depth == 0 && reader->rooted)
		return malformed(reader, "something follows its end");
	if (reader->depth == XML_MAX_DEPTH)
		return malformed(reader, "its elements are nested too deep");
	if (!skip_attributes(reader))
		return malformed(reader, "an opening tag is cut off");
	reader->open[reader->depth++] = name;
	reader->rooted = true;
	reader->name = local_name(name);
	return XML_OPEN;
}

/* Moves behind a construct that ends with terminator. */
static bool
skip_past(XmlReader *reader, const char *terminator)
{
	char	   *end = find(reader, reader->at, terminator);

	if (end == NULL)
		return false;
	reader->at = end + strlen(terminator);
	return true;
}

static XmlEvent
cdata(XmlReader *reader)
{
	char	   *start = reader->at + strlen("<![CDATA[");
	char	   *end = find(reader, start, "]]>");

	if (end == NULL || reader->depth == 0)
		return malformed(reader, "a CDATA section is cut off");
	reader->text = start;
	reader->text_len = end - start;
	reader->at = end + strlen("]]>");
	return XML_TEXT;
}

/* Text up to the next tag; false if it is only blanks between elements. */
static bool
take_text(XmlReader *reader, XmlEvent *event)
{
	char	   *start = reader->at;
	char	   *end = memchr(start, '<', reader->end - start);
	char	   *c;

	if (end == NULL)
		end = reader->end;
	reader->at = end;
	if (reader->depth > 0)
	{
		*event = decode_text(reader, start, end);
		return true;
	}
	for (c = start; c < end; c++)
		if (!is_blank(*c))
		{
			*event = malformed(reader, "text stands outside of its elements");
			return true;
		}
	return false;
}

XmlEvent
xml_next(XmlReader *reader)
{
	XmlEvent	event;

	if (reader->closing)
	{
		reader->closing = false;
		return close_element(reader);
	}
	while (reader->problem == NULL && reader->at < reader->end)
	{
		if (*reader->at != '<')
		{
			if (take_text(reader, &event))
				return event;
		}
		else if (starts_with(reader, "<?"))
		{
			if (!skip_past(reader, "?>"))
				return malformed(reader, "its declaration is cut off");
		}
		else if (starts_with(reader, "<!--"))
		{
			reader->at += strlen("<!--");
			if (!skip_past(reader, "-->"))
				return malformed(reader, "a comment is cut off");
		}
		else if (starts_with(reader, "<![CDATA["))
			return cdata(reader);
		else if (starts_with(reader, "<!"))
			return malformed(reader, "it holds a document type declaration");
		else if (starts_with(reader, "</"))
		{
			reader->at += 2;
			return closing_tag(reader);
		}
		else
		{
			reader->at++;
			return opening_tag(reader);
		}
	}
	if (reader->problem != NULL)
		return XML_MALFORMED;
	if (!reader->rooted)
		return malformed(reader, "it is empty");
	if (reader->depth > 0)
		return malformed(reader, "it ends too early");
	return XML_END;
}
