/*-------------------------------------------------------------------------
 *
 * url.h
 *	  Percent-encoding, and endpoints as users write them.
 *
 * Encoding follows the rules of AWS Signature Version 4: A-Z a-z 0-9 - . _ ~
 * stay, every other byte becomes %XX in upper-case hex, a blank is %20.  Such
 * text is valid in any URL, so it serves other protocols as well.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_URL_H
#define PINTEREST_URL_H

#include "postgres.h"

#include "lib/stringinfo.h"

/* A server, without path. Palloc'd as a whole in the caller's context. */
typedef struct Endpoint
{
	bool		tls;
	bool		literal;		/* host is an address, not a name */
	char	   *host;			/* lower case; an IPv6 address in brackets */
	int			port;			/* 0: the default one of the scheme */
	char	   *authority;		/* host[:port] as the Host header has it */
} Endpoint;

/* Appends s, encoded; "/" stays as it is if keep_slash (paths). */
extern void url_encode(StringInfo out, const char *s, bool keep_slash);

/*
 * Decodes s in place, "+" to a blank if asked.  False if an escape is
 * malformed or stands for a zero byte; s is then undefined.
 */
extern bool url_decode(char *s, bool plus_is_blank);

/*
 * Takes http(s)://host[:port][/] apart.  Raises
 * ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE if text is anything else.
 */
extern Endpoint *endpoint_parse(const char *text);

/*
 * The same of a URL that goes on: target is its path and query, in url's own
 * bytes, or "/".
 */
extern Endpoint *url_parse(const char *url, const char **target);

/*
 * The same of the URL below which an interface has its paths, the value of an
 * option: root is its path without a "/" at the end, palloc'd.  Raises as well if
 * the URL has a query or a fragment, or characters that must be encoded.
 */
extern Endpoint *url_parse_root(const char *option, const char *url, char **root);

#endif							/* PINTEREST_URL_H */
