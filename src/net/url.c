/*-------------------------------------------------------------------------
 *
 * url.c
 *	  Percent-encoding, and endpoints as users write them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>

#include "net/url.h"

static bool
is_unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		(c >= '0' && c <= '9') ||
		c == '-' || c == '.' || c == '_' || c == '~';
}

void
url_encode(StringInfo out, const char *s, bool keep_slash)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *s != '\0'; s++)
	{
		unsigned char c = (unsigned char) *s;

		if (is_unreserved(c) || (keep_slash && c == '/'))
			appendStringInfoCharMacro(out, *s);
		else
		{
			appendStringInfoCharMacro(out, '%');
			appendStringInfoCharMacro(out, hex[c >> 4]);
			appendStringInfoCharMacro(out, hex[c & 15]);
		}
	}
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
url_decode(char *s, bool plus_is_blank)
{
	char	   *to = s;

	for (; *s != '\0'; s++)
	{
		if (*s == '%')
		{
			int			high = hex_value(s[1]);
			int			low = high < 0 ? -1 : hex_value(s[2]);

			if (low < 0 || (high == 0 && low == 0))
				return false;
			*to++ = (char) (high << 4 | low);
			s += 2;
		}
		else
			*to++ = (*s == '+' && plus_is_blank) ? ' ' : *s;
	}
	*to = '\0';
	return true;
}

/* The text is repeated only where it cannot hold a password. */
static void
endpoint_error(const char *text, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 strchr(text, '@') ? errmsg("invalid endpoint") :
			 errmsg("invalid endpoint \"%s\"", text),
			 errdetail_internal("%s", detail),
			 errhint("An endpoint looks like \"https://host\" or \"http://host:port\".")));
}

/*
 * The scheme ends up in *tls; returns what follows it, without the one final
 * slash that people like to copy along.
 */
static char *
split_scheme(const char *text, bool *tls)
{
	char	   *rest;
	size_t		len;

	*tls = pg_strncasecmp(text, "https://", 8) == 0;
	if (!*tls && pg_strncasecmp(text, "http://", 7) != 0)
		endpoint_error(text, "It does not start with \"http://\" or \"https://\".");

	rest = pstrdup(text + (*tls ? 8 : 7));
	len = strlen(rest);
	if (len > 0 && rest[len - 1] == '/')
		rest[len - 1] = '\0';
	if (strchr(rest, '@'))
		endpoint_error(text, "It must not hold a user name or password.");
	if (strchr(rest, '?') || strchr(rest, '#'))
		endpoint_error(text, "It must not hold a query or a fragment.");
	if (strchr(rest, '/'))
		endpoint_error(text, "It must not hold a path.");
	return rest;
}

/* 0 where there is no port. */
static int
parse_port(const char *text, const char *digits)
{
	int			port = 0;

	if (*digits == '\0')
		return 0;
	if (*digits++ != ':')
		endpoint_error(text, "Only a port may follow the address.");
	for (; *digits >= '0' && *digits <= '9' && port <= 65535; digits++)
		port = port * 10 + (*digits - '0');
	if (*digits != '\0' || port < 1 || port > 65535)
		endpoint_error(text, "The port is not a number from 1 to 65535.");
	return port;
}

static void
check_host(const char *text, const char *host)
{
	const char *c;

	if (*host == '\0')
		endpoint_error(text, "It holds no host name.");
	if (strlen(host) > 253)
		endpoint_error(text, "The host name is too long.");
	for (c = host; *c != '\0'; c++)
		if (!is_unreserved((unsigned char) *c) || *c == '~')
			endpoint_error(text, "The host name holds characters that no host name has.");
}

Endpoint *
endpoint_parse(const char *text)
{
	Endpoint   *endpoint = palloc0(sizeof(Endpoint));
	char	   *rest = split_scheme(text, &endpoint->tls);
	char	   *host_end;
	struct in6_addr address;

	if (rest[0] == '[')
	{
		host_end = strchr(rest, ']');
		if (host_end == NULL)
			endpoint_error(text, "The bracket around the address is not closed.");
		endpoint->host = pnstrdup(rest + 1, host_end - rest - 1);
		if (inet_pton(AF_INET6, endpoint->host, &address) != 1)
			endpoint_error(text, "What the brackets hold is not an IPv6 address.");
		endpoint->host = psprintf("[%s]", endpoint->host);
		endpoint->literal = true;
		host_end++;
	}
	else
	{
		host_end = rest + strcspn(rest, ":");
		endpoint->host = pnstrdup(rest, host_end - rest);
		check_host(text, endpoint->host);
		endpoint->literal = inet_pton(AF_INET, endpoint->host, &address) == 1;
	}
	endpoint->port = parse_port(text, host_end);
	if (endpoint->port == (endpoint->tls ? 443 : 80))
		endpoint->port = 0;

	for (rest = endpoint->host; *rest != '\0'; rest++)
		*rest = pg_ascii_tolower((unsigned char) *rest);
	endpoint->authority = endpoint->port == 0 ? endpoint->host :
		psprintf("%s:%d", endpoint->host, endpoint->port);
	return endpoint;
}

Endpoint *
url_parse(const char *url, const char **target)
{
	const char *authority = strstr(url, "://");
	const char *path = authority == NULL ? NULL : strchr(authority + 3, '/');

	*target = path == NULL ? "/" : path;
	return endpoint_parse(path == NULL ? url : pnstrdup(url, path - url));
}

static void
root_error(const char *option, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\"", option),
			 errdetail("%s", detail)));
}

Endpoint *
url_parse_root(const char *option, const char *url, char **root)
{
	const char *path;
	Endpoint   *endpoint = url_parse(url, &path);
	size_t		len = strlen(path);

	if (strpbrk(url, "?#") != NULL)
		root_error(option, "It must not hold a query or a fragment.");
	for (const char *c = path; *c != '\0'; c++)
		if (*c <= ' ' || *c == 0x7F || IS_HIGHBIT_SET(*c))
			root_error(option, "Its path holds characters that must be encoded.");
	while (len > 0 && path[len - 1] == '/')
		len--;
	*root = pnstrdup(path, len);
	return endpoint;
}
