/*-------------------------------------------------------------------------
 *
 * xml.h
 *	  A pull parser for the XML that AWS services answer with.
 *
 * Not a general one: attributes are skipped, namespace prefixes dropped, and
 * document type declarations (where entity attacks live) refused.  It never
 * allocates and never raises; text is decoded in place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_XML_H
#define PINTEREST_XML_H

#include "postgres.h"

#define XML_MAX_DEPTH 32

typedef enum XmlEvent
{
	XML_OPEN,					/* name */
	XML_CLOSE,					/* name; a self-closing element gives both */
	XML_TEXT,					/* text; one element may hold several */
	XML_END,					/* the root element was closed */
	XML_MALFORMED				/* problem says why */
} XmlEvent;

typedef struct XmlName
{
	const char *start;			/* as written: not NUL-terminated */
	size_t		len;
} XmlName;

typedef struct XmlReader
{
	/* what the last event is about */
	XmlName		name;			/* without prefix */
	char	   *text;			/* not NUL-terminated, entities decoded */
	size_t		text_len;
	int			depth;			/* open elements: 1 in the root */
	const char *problem;

	/* private */
	char	   *start;
	char	   *at;
	char	   *end;
	bool		closing;		/* the last element was self-closing */
	bool		rooted;			/* a root element was seen */
	XmlName		open[XML_MAX_DEPTH];	/* whole names */
} XmlReader;

/* The document is changed by reading, and must outlive the reader. */
extern void xml_begin(XmlReader *reader, char *document, size_t len);

/* After XML_END or XML_MALFORMED it returns the same again. */
extern XmlEvent xml_next(XmlReader *reader);

extern bool xml_name_is(const XmlReader *reader, const char *name);

#endif							/* PINTEREST_XML_H */
