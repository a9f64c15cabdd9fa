"""Continual-learning methods: what is added to the separation loss so that old classes are not forgotten.

What each keeps of the past, beside the separator, from the end of a task to the next:

==========  =========================  =====================================================================
method      clips (exemplars a class)  beside them
==========  =========================  =====================================================================
finetune    0, or as many as asked     nothing
scratch     0, or as many as asked     nothing, not even the separator's weights
freeze      0, or as many as asked     nothing
adapters    0, or as many as asked     the rows of earlier low-rank updates, rank vectors a weight matrix
lwf, plop   0, or as many as asked     the old model while a task is learned; with old_queries="prototype" two vectors a class
ewf         0, or as many as asked     as lwf
ewc         0, or as many as asked     Fisher information and anchor: twice the separator's size
replay      1                          nothing
avcil       1                          the old model while a task is learned
contav      1                          the old model while a task is learned
der         1                          `der.STORED` mixtures of exemplars a task, with true masks and the masks of their time
joint       all                        nothing
==========  =========================  =====================================================================

The exemplars given are the defaults; `Config.exemplars` sets them. Prototypes for recognising classes (`prototypes`) are kept
with every separator and play no part in training.
"""

from contav_lib.methods.method import Method, Variant, all_methods, method_class, register_method

__all__ = ["Method", "Variant", "all_methods", "method_class", "register_method"]
