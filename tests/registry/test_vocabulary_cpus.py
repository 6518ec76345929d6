"""CPU models: one name a model however it is spelled, and never one name for two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.vocabulary import cpus

# One line a model: its name, then ways in which kernels, tools and people spell it.
MODELS = [
    """Intel Xeon E5-2670 | Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz | Intel Xeon E5-2670 @ 2.60GHz
       | xeon e5 2670 | E5-2670 | intel xeon e5-2670 2.6GHz | 2x Intel Xeon E5-2670""",
    """Intel Xeon E5-2670 v2 | Intel(R) Xeon(R) CPU E5-2670 v2 @ 2.50GHz | Xeon E5-2670v2
       | xeon e5 2670v2 | Intel Xeon E5-2670 V2""",
    "Intel Xeon E5-2676 v3 | Intel(R) Xeon(R) CPU E5-2676 v3 @ 2.40GHz",
    "Intel Xeon E3-1230 v2 | Intel(R) Xeon(R) CPU E3-1230 V2 @ 3.30GHz | Xeon E3 1230 v2",
    "Intel Xeon E7-8880 v3 | Intel(R) Xeon(R) CPU E7-8880 v3 @ 2.30GHz",
    "Intel Xeon X5570 | Intel(R) Xeon(R) CPU           X5570  @ 2.93GHz | 2 x Xeon X5570",
    "Intel Xeon X3323 | Intel Xeon X3323 @ 2.50GHz",
    "Intel Xeon E5345 | Intel Xeon CPU E5345 @ 2.33GHz",
    "Intel Xeon E5430 | Intel(R) Xeon(R) CPU E5430 @ 2.66GHz",
    "Intel Xeon L5520 | Intel Xeon CPU L5520 @ 2.27GHz",
    "Intel Xeon D-1541 | Intel(R) Xeon(R) CPU D-1541 @ 2.10GHz",
    "Intel Xeon W-2145 | Intel(R) Xeon(R) W-2145 CPU @ 3.70GHz",
    "Intel Xeon Gold 6142 | Intel(R) Xeon(R) Gold 6142 CPU @ 2.60GHz",
    "Intel Xeon Gold 6142M | Intel(R) Xeon(R) Gold 6142M CPU @ 2.60GHz",
    "Intel Xeon Platinum 8259CL | Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz",
    "Intel Xeon Platinum 8581C | INTEL(R) XEON(R) PLATINUM 8581C CPU @ 2.60GHz",
    "Intel Xeon Silver 4410Y | Intel(R) Xeon(R) Silver 4410Y",
    "Intel Xeon Max 9480 | Intel(R) Xeon(R) CPU Max 9480 | INTEL(R) XEON(R) CPU MAX 9480",
    "Intel Xeon 6975P-C | Intel(R) Xeon(R) 6975P-C",
    "Intel Xeon Phi 7210 | Intel(R) Xeon Phi(TM) CPU 7210 @ 1.30GHz",
    # Where there is no number, the clock is all that tells models apart.
    "Intel Xeon @ 2.20GHz | Intel(R) Xeon(R) CPU @ 2.20GHz | Intel Xeon CPU @ 2.2 GHz",
    "Intel Xeon @ 2.80GHz | Intel(R) Xeon(R) CPU @ 2.80GHz",
    "Intel Xeon 2.80GHz | Intel(R) Xeon(TM) CPU 2.80GHz",
    "Intel Xeon | Intel(R) Xeon(R) Processor",
    "Intel Pentium 4 3.00GHz | Intel(R) Pentium(R) 4 CPU 3.00GHz",
    "Intel Pentium 4 2.80GHz | Intel(R) Pentium(R) 4 CPU 2.80GHz",
    "Intel 0000 @ 2.40GHz | Genuine Intel(R) CPU 0000 @ 2.40GHz",
    "Intel T2300 | Genuine Intel(R) CPU           T2300  @ 1.66GHz",
    "Intel Core i5 | Core i5 | intel core i5",
    """Intel Core i5-760 | Intel Core i5 CPU 760 @ 2.80GHz
       | Intel(R) Core(TM) i5 CPU         760  @ 2.80GHz""",
    "Intel Core i5-2300 | Intel Core i5-2300 CPU @ 2.80GHz | core i5 2300 | i5-2300",
    "Intel Core i7-620M | Intel(R) Core(TM) i7 CPU       M 620  @ 2.67GHz | Intel Core i7-620M",
    "Intel Core i7-720QM | Intel(R) Core(TM) i7 CPU       Q 720  @ 1.60GHz",
    "Intel Core i7-12700K | 12th Gen Intel(R) Core(TM) i7-12700K",
    "Intel Core i5-1135G7 | 11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz | core i5 1135G7",
    "Intel Core i5-1130G7 | 11th Generation Intel® Core™ i5-1130G7 Processor",
    "Intel Xeon E5-2690 | Intel(R) Xeon(R) CPU E5-2690 0 @ 2.90GHz (fam: 06, model: 2d)",
    "Intel Xeon E5-2666 v3 | Intel Xeon E5-2666v3 2.9GHz, 8 vCPU",
    "Intel Core i7-12700 | 12th Gen Intel(R) Core(TM) i7-12700",
    "Intel Core i7-8565U | Intel(R) Core(TM) i7-8565U CPU @ 1.80GHz | i7-8565u",
    "Intel Core Ultra 7 155H | Intel(R) Core(TM) Ultra 7 155H",
    "Intel Core 2 Duo E8400 | Intel(R) Core(TM)2 Duo CPU     E8400  @ 3.00GHz | Core 2 Duo E8400",
    "Intel Core 2 Quad Q6600 | Intel(R) Core(TM)2 Quad CPU    Q6600  @ 2.40GHz",
    "Intel Core 2 6600 | Intel(R) Core(TM)2 CPU          6600  @ 2.40GHz",
    "Intel Atom 330 | Intel(R) Atom(TM) CPU  330   @ 1.60GHz",
    "Intel Atom C2750 | Intel(R) Atom(TM) CPU  C2750  @ 2.40GHz",
    "Intel Celeron J4125 | Intel(R) Celeron(R) J4125 CPU @ 2.00GHz",
    "Intel N100 | Intel(R) N100",
    "AMD EPYC 7R32 | AMD EPYC 7R32 48-Core Processor | AMD EPYC 7R32 | epyc 7r32",
    "AMD EPYC 7R13 | AMD EPYC 7R13 Processor",
    "AMD EPYC 7B12 | AMD EPYC 7B12",
    "AMD EPYC 9654 | AMD EPYC 9654 96-Core Processor",
    "AMD EPYC 9654P | AMD EPYC 9654P 96-Core Processor",
    "AMD Ryzen 7 5800X | AMD Ryzen 7 5800X 8-Core Processor",
    "AMD Ryzen 7 5800X3D | AMD Ryzen 7 5800X3D 8-Core Processor",
    "AMD Ryzen 5 PRO 4650G | AMD Ryzen 5 PRO 4650G with Radeon Graphics",
    "AMD Ryzen 9 7940HS | AMD Ryzen 9 7940HS w/ Radeon 780M Graphics",
    "AMD Ryzen Threadripper 3990X | AMD Ryzen Threadripper 3990X 64-Core Processor",
    "AMD Ryzen Threadripper PRO 5995WX | AMD Ryzen Threadripper PRO 5995WX 64-Cores",
    "AMD A10-7850K | AMD A10-7850K Radeon R7, 12 Compute Cores 4C+8G",
    "AMD A8-3870 | AMD A8-3870 APU with Radeon(tm) HD Graphics",
    "AMD Phenom II X6 1055T | AMD Phenom(tm) II X6 1055T Processor",
    "AMD FX-8350 | AMD FX(tm)-8350 Eight-Core Processor",
    "AMD Athlon 64 3200+ | AMD Athlon(tm) 64 Processor 3200+",
    "AMD Athlon 64 X2 4200+ | AMD Athlon(tm) 64 X2 Dual Core Processor 4200+",
    "AMD Opteron 2384 | Quad-Core AMD Opteron(tm) Processor 2384",
    "AMD Opteron 6172 | AMD Opteron(tm) Processor 6172",
    "Hygon C86 7185 | Hygon C86 7185 32-core Processor",
    # What a hypervisor shows in place of the host's CPU.
    "QEMU Virtual CPU version 2.5+ | QEMU Virtual CPU version 2.5+",
    "Common KVM processor | Common KVM processor",
    "Intel Xeon Processor (Skylake, IBRS) | Intel Xeon Processor (Skylake, IBRS)",
    "Intel Xeon Processor (Skylake) | Intel Xeon Processor (Skylake)",
    "Intel Xeon E312xx (Sandy Bridge) | Intel Xeon E312xx (Sandy Bridge)",
    "AMD EPYC Processor (with IBPB) | AMD EPYC Processor (with IBPB)",
    "AMD EPYC-Rome Processor | AMD EPYC-Rome Processor",
    "AMD Opteron 63xx class CPU | AMD Opteron 63xx class CPU",
    "VirtualApple @ 2.50GHz | VirtualApple @ 2.50GHz",
    # Other architectures.
    "Arm Neoverse N1 | implementer 0x41 part 0xd0c | Neoverse-N1 | ARM Neoverse-N1 | Neoverse N1",
    "Arm Neoverse V1 | implementer 0x41 part 0xd40 | Neoverse-V1",
    "Arm Cortex-A72 | implementer 0x41 part 0xd08 | Cortex-A72 | ARM Cortex-A72",
    "HiSilicon Kunpeng-920 | implementer 0x48 part 0xd01 | Kunpeng-920",
    "Fujitsu A64FX | implementer 0x46 part 0x001 | A64FX",
    "Ampere Altra | Ampere(R) Altra(R) Processor | Ampere Altra",
    "AWS Graviton2 | AWS Graviton2 | Graviton2",
    "AWS Graviton3 | AWS Graviton3 | graviton3",
    "Apple M1 | implementer 0x61 part 0x022 | implementer 0x61 part 0x023 | Apple M1",
    "Apple M1 Pro | Apple M1 Pro | implementer 0x61 part 0x024",
    "implementer 0x99 part 0x123 | implementer 0x99 part 0x123",
    "IBM POWER9 | POWER9 (architected), altivec supported | POWER9, altivec supported | IBM POWER9",
    "IBM POWER8E | POWER8E (raw), altivec supported",
    "IBM POWER7+ | POWER7+ (raw)",
    "IBM z15 | IBM/S390 machine = 8561 | IBM machine 8561",
    "IBM z14 | IBM/S390 machine = 3906",
    "SiFive U74-MC | sifive,u74-mc",
    "Something unheard of @ 3.00GHz | Something   unheard of @ 3.00GHz",
]  # fmt: skip
SPELLINGS = [
    (spelling.strip(), line.split("|")[0].strip())
    for line in MODELS
    for spelling in line.split("|")
]


@pytest.mark.parametrize(("spelling", "name"), SPELLINGS)
def test_one_name_a_model_however_it_is_spelled(spelling: str, name: str) -> None:
    assert cpus.canonical(spelling) == name


def test_a_name_is_its_own_name() -> None:
    names = [line.split("|")[0].strip() for line in MODELS]
    assert len(set(names)) == len(names)
    assert [cpus.canonical(name) for name in names] == names


def test_nothing_is_no_model() -> None:
    assert [cpus.canonical(text) for text in (None, "", "  ", "(R)")] == [None] * 4


def test_a_core_sold_in_one_chip_of_a_cloud_has_the_name_of_the_chip() -> None:
    assert cpus.canonical("implementer 0x41 part 0xd0c", "aws") == "AWS Graviton2"
    assert cpus.canonical("Neoverse-N1", "oci") == "Arm Neoverse N1"
    assert cpus.canonical("AMD EPYC 7R32", "aws") == "AMD EPYC 7R32"


FAMILIES = [
    "Intel(R) Xeon(R) CPU",
    "Intel(R) Core(TM)",
    "AMD EPYC",
    "AMD Ryzen 7",
    "AMD Opteron(tm)",
]
NUMBERS = st.from_regex(r"[A-Z]{0,2}[0-9]{1,2}-?[1-9][0-9]{2}[A-Z]{0,2}( v[2-6])?", fullmatch=True)


@given(
    st.sampled_from(FAMILIES), NUMBERS, NUMBERS, st.sampled_from(["", " @ 2.10GHz", " Processor"])
)
def test_two_numbers_are_two_models(family: str, one: str, other: str, end: str) -> None:
    same = cpus.canonical(f"{family} {one}{end}") == cpus.canonical(f"{family} {other}{end}")
    assert same == (one == other)


WORDS = st.sampled_from(
    "Xeon Core2 Core i7 CPU @ 2.60GHz E5 2670 0 v2 M 620 X5570 EPYC 7R32 Processor w/"
    " Radeon Neoverse-N1 POWER9 machine 8561 (R) 48-Core \u00ae with 4".split()
)


@given(st.sampled_from(["Intel", "AMD", "ARM", "Apple"]), st.lists(WORDS, max_size=12))
def test_a_name_made_of_any_words_is_its_own(maker: str, words: list[str]) -> None:
    name = cpus.canonical(" ".join([maker, *words]))
    assert cpus.canonical(name) == name
