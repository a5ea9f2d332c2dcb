# What the test programs need beyond the Makefile's rules; variables only.
# A call written in a target must be the call that is made.
TARGET += -fno-builtin
