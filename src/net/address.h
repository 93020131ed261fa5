/*-------------------------------------------------------------------------
 *
 * address.h
 *	  Which network addresses a connection may go to.
 *
 * Who may choose an endpoint makes the database server send requests.  The
 * check is on the address, after name resolution: a name proves nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_ADDRESS_H
#define PINTEREST_ADDRESS_H

#include "postgres.h"

#include <sys/socket.h>

/* Each allows what the one before does, and more. */
typedef enum AddressPolicy
{
	ADDRESS_PUBLIC,				/* public addresses only */
	ADDRESS_PRIVATE,			/* loopback and private ones too */
	ADDRESS_METADATA			/* link-local too: for code that fetches
								 * credentials from the machine's own services */
} AddressPolicy;

/*
 * NULL if the policy allows the address; else what kind of address it is, in
 * a form that fits "… address".  Never raises: called inside libcurl.
 */
extern const char *address_refusal(const struct sockaddr *address,
								   AddressPolicy policy);

#endif							/* PINTEREST_ADDRESS_H */
