"""The arithmetic in which networks are trained."""

from __future__ import annotations

AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"}
"""Environment: one instruction set for every x86-64 processor of the last ten years. With AVX-512 sums are rounded in
another order, so that another processor gave another network (which differed about as much as with another seed), no
faster."""
