// SPDX-License-Identifier: GPL-2.0
/* Who holds how much of a window; all with window->lock held. */

#include <linux/list.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "peermr.h"

/**
 * struct peermr_account - what one user holds
 * @node: in window->accounts
 * @uid: the user
 * @bytes: held, quarantined bytes included; the account ends at zero
 */
struct peermr_account {
	struct list_head node;
	kuid_t uid;
	u64 bytes;
};

static struct peermr_account *
peermr_account_find(struct peermr_window *window, kuid_t uid)
{
	struct peermr_account *account;

	lockdep_assert_held(&window->lock);
	list_for_each_entry(account, &window->accounts, node)
		if (uid_eq(account->uid, uid))
			return account;
	return NULL;
}

struct peermr_account *peermr_account_charge(struct peermr_window *window,
					     kuid_t uid, u64 bytes)
{
	struct peermr_account *account = peermr_account_find(window, uid);
	u64 held = account ? account->bytes : 0;
	u64 sum;

	if (check_add_overflow(held, bytes, &sum) ||
	    (window->quota && sum > window->quota))
		return ERR_PTR(-EDQUOT);

	if (!account) {
		account = kzalloc(sizeof(*account), GFP_KERNEL);
		if (!account)
			return ERR_PTR(-ENOMEM);
		account->uid = uid;
		list_add(&account->node, &window->accounts);
	}
	account->bytes = sum;
	return account;
}

void peermr_account_uncharge(struct peermr_window *window,
			     struct peermr_account *account, u64 bytes)
{
	lockdep_assert_held(&window->lock);
	account->bytes -= bytes;
	if (account->bytes)
		return;
	list_del(&account->node);
	kfree(account);
}

u64 peermr_account_used(struct peermr_window *window, kuid_t uid)
{
	struct peermr_account *account = peermr_account_find(window, uid);

	return account ? account->bytes : 0;
}

kuid_t peermr_account_uid(const struct peermr_account *account)
{
	return account->uid;
}
