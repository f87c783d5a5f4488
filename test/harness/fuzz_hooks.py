"""Keeps whoever is asking from ending the very sign-in that they ask with.

Ids that answers and the token have shown are sent again, those of the caller among them. An administrator who sets a
password of his own account is heeded, and everything after that would be answered with 401.
"""

import os

import schemathesis

caller = os.environ.get("FUZZ_CALLER", "")


@schemathesis.hook
def filter_case(context, case):
    given = [*(case.path_parameters or {}).values(), str(case.body)]
    return case.method.upper() == "GET" or caller == "" or not any(caller in str(each) for each in given)
