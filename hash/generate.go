package hash

// The assembly, and what its generator counted, come from the module in _asm.

//go:generate go run -C _asm . -out ../scan_avx512_amd64.s scanavx512
//go:generate go run -C _asm . -out ../scan_avx512x2_amd64.s scanavx512x2
//go:generate go run -C _asm . -out ../scan_avx2_amd64.s scanavx2
//go:generate go run -C _asm . -out ../scan_shani_amd64.s scanshani
//go:generate go run -C _asm . -out ../batch_avx512_amd64.s batchavx512
//go:generate go run -C _asm . -out ../batch_avx2_amd64.s batchavx2
//go:generate go run -C _asm . -out ../batch_shani_amd64.s batchshani
//go:generate go run -C _asm . -out ../operations_counted.go operations
//go:generate go run -C _asm . -out ../../bench/probe_amd64.s probe
//go:generate go run -C _asm ./arm64 -dir .. scan headers pairs blocks
