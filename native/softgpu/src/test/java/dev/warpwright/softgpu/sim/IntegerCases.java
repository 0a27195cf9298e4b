package dev.warpwright.softgpu.sim;

import java.math.BigInteger;

/** Integers and bits. */
final class IntegerCases extends InstructionCases {
  IntegerCases() {
    integers();
    bitFields();
  }

  private void integers() {
    word("add.s32 %rd, %ra, %rb;", (a, b, c) -> a + b);
    word("sub.u32 %rd, %ra, %rb;", (a, b, c) -> a - b);
    word(
        "add.sat.s32 %rd, %ra, %rb;",
        (a, b, c) -> Math.clamp((long) (int) a + (int) b, Integer.MIN_VALUE, Integer.MAX_VALUE));
    bits("add.s64 %qd, %qa, %qb;", (a, b, c) -> a + b);
    half("add.s16 %hd, %ha, %hb;", (a, b, c) -> a + b);
    half("sub.u16 %hd, %ha, %hb;", (a, b, c) -> a - b);
    word("mul.lo.s32 %rd, %ra, %rb;", (a, b, c) -> a * b);
    word("mul.hi.s32 %rd, %ra, %rb;", (a, b, c) -> ((long) (int) a * (int) b) >> 32);
    word("mul.hi.u32 %rd, %ra, %rb;", (a, b, c) -> ((a & LOW) * (b & LOW)) >>> 32);
    bits("mul.wide.s32 %qd, %ra, %rb;", (a, b, c) -> (long) (int) a * (int) b);
    bits("mul.wide.u32 %qd, %ra, %rb;", (a, b, c) -> (a & LOW) * (b & LOW));
    word("mul.wide.s16 %rd, %ha, %hb;", (a, b, c) -> (short) a * (short) b);
    word("mul.wide.u16 %rd, %ha, %hb;", (a, b, c) -> (a & 0xffff) * (b & 0xffff));
    bits(
        "mul.hi.u64 %qd, %qa, %qb;",
        (a, b, c) -> unsigned(a).multiply(unsigned(b)).shiftRight(64).longValue());
    bits(
        "mul.hi.s64 %qd, %qa, %qb;",
        (a, b, c) ->
            BigInteger.valueOf(a).multiply(BigInteger.valueOf(b)).shiftRight(64).longValue());
    word("mad.lo.s32 %rd, %ra, %rb, %rc;", (a, b, c) -> a * b + c);
    bits("mad.wide.s32 %qd, %ra, %rb, %qc;", (a, b, c) -> (long) (int) a * (int) b + c);
    half("mad.lo.u16 %hd, %ha, %hb, %hc;", (a, b, c) -> a * b + c);
    word("or.b32 %rb, %rb, 1; div.s32 %rd, %ra, %rb;", (a, b, c) -> (int) a / ((int) b | 1));
    word("or.b32 %rb, %rb, 1; rem.u32 %rd, %ra, %rb;", (a, b, c) -> (a & LOW) % ((b | 1) & LOW));
    bits(
        "or.b64 %qb, %qb, 1; div.u64 %qd, %qa, %qb;",
        (a, b, c) -> unsigned(a).divide(unsigned(b | 1)).longValue());
    word("min.s32 %rd, %ra, %rb;", (a, b, c) -> Math.min((int) a, (int) b));
    word("max.u32 %rd, %ra, %rb;", (a, b, c) -> Math.max(a & LOW, b & LOW));
    half("max.s16 %hd, %ha, %hb;", (a, b, c) -> Math.max((short) a, (short) b));
    bits("min.u64 %qd, %qa, %qb;", (a, b, c) -> unsigned(a).min(unsigned(b)).longValue());
    word("abs.s32 %rd, %ra;", (a, b, c) -> Math.abs((int) a));
    word("neg.s32 %rd, %ra;", (a, b, c) -> -a);
    word("sad.u32 %rd, %ra, %rb, %rc;", (a, b, c) -> Math.abs((a & LOW) - (b & LOW)) + c);
    bits("setp.lt.s32 %pd, %ra, %rb;", (a, b, c) -> (int) a < (int) b ? 1 : 0);
    bits("setp.hi.u32 %pd, %ra, %rb;", (a, b, c) -> (a & LOW) > (b & LOW) ? 1 : 0);
    bits("setp.ge.s16 %pd, %ha, %hb;", (a, b, c) -> (short) a >= (short) b ? 1 : 0);
    bits("setp.ls.u64 %pd, %qa, %qb;", (a, b, c) -> Long.compareUnsigned(a, b) <= 0 ? 1 : 0);
    bits(
        "setp.gt.s32 %pe, %ra, 0; setp.eq.and.b32 %pd, %rb, %rc, !%pe;",
        (a, b, c) -> (int) b == (int) c && (int) a <= 0 ? 1 : 0);
    word(
        "setp.ne.s32 %pe, %ra, 0; selp.b32 %rd, %rb, %rc, %pe;", (a, b, c) -> (int) a != 0 ? b : c);
    word("slct.b32.s32 %rd, %ra, %rb, %rc;", (a, b, c) -> (int) c >= 0 ? a : b);
    word("set.lt.u32.s32 %rd, %ra, %rb;", (a, b, c) -> (int) a < (int) b ? -1 : 0);
    word(
        "dp4a.s32.u32 %rd, %ra, %rb, %rc;",
        (a, b, c) -> {
          long sum = c;
          for (int i = 0; i < 32; i += 8) {
            sum += (byte) (a >> i) * (b >> i & 0xff);
          }
          return sum;
        });
  }

  private void bitFields() {
    word("and.b32 %rd, %ra, %rb;", (a, b, c) -> a & b);
    half("not.b16 %hd, %ha;", (a, b, c) -> ~a);
    bits("xor.b64 %qd, %qa, %qb;", (a, b, c) -> a ^ b);
    word("lop3.b32 %rd, %ra, %rb, %rc, 0x96;", (a, b, c) -> a ^ b ^ c);
    word("lop3.b32 %rd, %ra, %rb, %rc, 0xE8;", (a, b, c) -> (a & b) | (b & c) | (a & c));
    word("lop3.b32 %rd, %ra, %rb, %rc, 0x2A;", (a, b, c) -> ~(a & b) & c);
    word("shl.b32 %rd, %ra, %rb;", (a, b, c) -> (b & LOW) > 31 ? 0 : a << b);
    word("shr.u32 %rd, %ra, %rb;", (a, b, c) -> (b & LOW) > 31 ? 0 : (a & LOW) >>> b);
    word("shr.s32 %rd, %ra, %rb;", (a, b, c) -> (int) a >> Math.min(b & LOW, 31));
    half("shr.s16 %hd, %ha, %rb;", (a, b, c) -> (short) a >> Math.min(b & LOW, 31));
    bits("shl.b64 %qd, %qa, %rb;", (a, b, c) -> (b & LOW) > 63 ? 0 : a << b);
    bits("shr.s64 %qd, %qa, %rb;", (a, b, c) -> a >> Math.min(b & LOW, 63));
    word("shf.l.wrap.b32 %rd, %ra, %rb, %rc;", (a, b, c) -> funnel(a, b) >>> (32 - (c & 31)));
    word("shf.r.wrap.b32 %rd, %ra, %rb, %rc;", (a, b, c) -> funnel(a, b) >>> (c & 31));
    word(
        "shf.r.clamp.b32 %rd, %ra, %rb, %rc;", (a, b, c) -> funnel(a, b) >>> Math.min(c & LOW, 32));
    word("popc.b32 %rd, %ra;", (a, b, c) -> Integer.bitCount((int) a));
    word("popc.b64 %rd, %qa;", (a, b, c) -> Long.bitCount(a));
    word("clz.b32 %rd, %ra;", (a, b, c) -> Integer.numberOfLeadingZeros((int) a));
    word("clz.b64 %rd, %qa;", (a, b, c) -> Long.numberOfLeadingZeros(a));
    word("brev.b32 %rd, %ra;", (a, b, c) -> Integer.reverse((int) a));
    word("bfind.u32 %rd, %ra;", (a, b, c) -> 31 - Integer.numberOfLeadingZeros((int) a));
    word("bfind.s64 %rd, %qa;", (a, b, c) -> 63 - Long.numberOfLeadingZeros(a < 0 ? ~a : a));
    word(
        "and.b32 %rb, %rb, 31; and.b32 %rc, %rc, 31; bfe.u32 %rd, %ra, %rb, %rc;",
        (a, b, c) -> ((a & LOW) >>> (b & 31)) & ((1L << (c & 31)) - 1));
    word(
        "and.b32 %rb, %rb, 15; bfe.s32 %rd, %ra, %rb, 9;",
        (a, b, c) -> ((int) a << (23 - (b & 15))) >> 23);
    word(
        "and.b32 %rc, %rc, 31; bfi.b32 %rd, %ra, %rb, %rc, 7;",
        (a, b, c) -> {
          long ones = 127L << (c & 31);
          return (b & ~ones) | ((a << (c & 31)) & ones);
        });
    word(
        "prmt.b32 %rd, %ra, %rb, 0x5140;",
        (a, b, c) ->
            (a & 0xff) | ((b & 0xff) << 8) | ((a >> 8 & 0xff) << 16) | ((b >> 8 & 0xff) << 24));
    word(
        "mov.b32 {%hd, %he}, %ra; mov.b32 %rd, {%he, %hd};",
        (a, b, c) -> (a << 16) | (a >>> 16 & 0xffff));
    bits("mov.b64 {%rc, %re}, %qa; mov.b64 %qd, {%re, %rc};", (a, b, c) -> (a << 32) | (a >>> 32));
  }

  private static long funnel(long low, long high) {
    return (high << 32) | (low & LOW);
  }
}
