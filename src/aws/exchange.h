/*-------------------------------------------------------------------------
 *
 * exchange.h
 *	  One attempt of a call on the wire: signed, sent, and does the head of
 *	  the answer fit it?
 *
 * Part of call.c; retry.c decides when there is another attempt.  Nothing
 * here is kept from one attempt to the next.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_AWS_EXCHANGE_H
#define PINTEREST_AWS_EXCHANGE_H

#include "postgres.h"

#include "aws/client.h"

/*
 * Signs the request, or what follows its first taken bytes, with the service's
 * time (not without a signer), and begins to send it. lines gets what the exchange points at: header
 * lines and target, which stay as they are until it has ended. Does not block.
 */
extern void exchange_begin(const AwsServiceConfig *config, SigV4Signer *signer,
						   int64 clock_offset, const AwsRequest *request,
						   int64 taken, StringInfo lines, HttpTransfer *transfer);

/*
 * Checks the head of a 2xx answer before any of its bytes are given out.
 * False, and *failure set, if they must not be.  (RFC 9110, 14.4 and 15.3.7:
 * a server may ignore Range and answer with 200.)
 */
extern bool exchange_head_fits(const AwsRequest *request, const HttpTransfer *transfer,
							   int64 taken, AwsFailure *failure);

#endif							/* PINTEREST_AWS_EXCHANGE_H */
