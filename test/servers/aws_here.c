/*-------------------------------------------------------------------------
 *
 * aws_here.c
 *	  For LD_PRELOAD: the hosts of amazonaws.com are port $AWS_HERE of this
 *	  machine, so that a test server can stand in for AWS's own endpoints.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

typedef int (*Lookup) (const char *, const char *, const struct addrinfo *, struct addrinfo **);

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **result)
{
	Lookup		lookup = (Lookup) dlsym(RTLD_NEXT, "getaddrinfo");
	const char *port = getenv("AWS_HERE");

	if (node != NULL && port != NULL && strstr(node, ".amazonaws.com") != NULL)
	{
		node = "127.0.0.1";
		service = port;
	}
	return lookup(node, service, hints, result);
}
