package dev.warpwright.softgpu.sim;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.function.LongFunction;

/**
 * C's printf on arguments that follow each other in memory, each at a multiple of its size. It does
 * not narrow integers by {@code h}, and leaves out {@code #} of {@code %o} and the precision of
 * {@code %a}.
 */
final class Printf {
  /** Reads arguments. */
  @FunctionalInterface
  interface Memory {
    long fetch(long address, int bytes);
  }

  private final String format;
  private final Memory memory;
  private final LongFunction<String> texts;
  private final StringBuilder out = new StringBuilder();
  private long next;
  private int at;
  private int arguments;

  Printf(String format, long buffer, Memory memory, LongFunction<String> texts) {
    this.format = format;
    this.memory = memory;
    this.texts = texts;
    next = buffer;
    while (at < format.length()) {
      char c = format.charAt(at++);
      if (c == '%') {
        conversion();
      } else {
        out.append(c);
      }
    }
  }

  String text() {
    return out.toString();
  }

  /** How many arguments were used. */
  int arguments() {
    return arguments;
  }

  private long argument(int bytes) {
    next = (next + bytes - 1) & -bytes;
    long value = memory.fetch(next, bytes);
    next += bytes;
    arguments++;
    return value;
  }

  private String take(String characters) {
    int from = at;
    while (at < format.length() && characters.indexOf(format.charAt(at)) >= 0) {
      at++;
    }
    return format.substring(from, at);
  }

  private int number(int otherwise) {
    if (at < format.length() && format.charAt(at) == '*') {
      at++;
      return (int) argument(Integer.BYTES);
    }
    String digits = take("0123456789");
    return digits.isEmpty() ? otherwise : Integer.parseInt(digits);
  }

  private void conversion() {
    int from = at;
    String flags = take("-+ #0");
    int width = number(0);
    int precision = -1;
    if (at < format.length() && format.charAt(at) == '.') {
      at++;
      precision = number(0);
    }
    String length = take("hljzt");
    if (at == format.length()) {
      out.append('%').append(format, from, at);
      return;
    }
    char kind = format.charAt(at++);
    int bytes = length.isEmpty() || length.startsWith("h") ? Integer.BYTES : Long.BYTES;
    String sign = "";
    String body;
    switch (kind) {
      case '%' -> {
        out.append('%');
        return;
      }
      case 'c' -> body = String.valueOf((char) argument(Integer.BYTES));
      case 's' -> {
        body = texts.apply(argument(Long.BYTES));
        body = precision >= 0 && precision < body.length() ? body.substring(0, precision) : body;
      }
      case 'p' -> body = "0x" + Long.toHexString(argument(Long.BYTES));
      case 'd', 'i' -> {
        long value = argument(bytes);
        value = bytes == Integer.BYTES ? (int) value : value;
        sign = sign(value < 0, flags);
        body = digits(Long.toString(value).replace("-", ""), precision);
      }
      case 'u' -> body = digits(Long.toUnsignedString(argument(bytes)), precision);
      case 'o' -> body = digits(Long.toOctalString(argument(bytes)), precision);
      case 'x', 'X' -> {
        long value = argument(bytes);
        sign = flags.contains("#") && value != 0 ? "0x" : "";
        body = digits(Long.toHexString(value), precision);
      }
      case 'f', 'F', 'e', 'E', 'g', 'G', 'a', 'A' -> {
        double value = Double.longBitsToDouble(argument(Long.BYTES));
        sign = sign(Math.copySign(1, value) < 0, flags);
        body = real(Math.abs(value), Character.toLowerCase(kind), precision, flags);
      }
      default -> {
        out.append('%').append(format, from, at);
        return;
      }
    }
    if (Character.isUpperCase(kind)) {
      sign = sign.toUpperCase(Locale.ROOT);
      body = body.toUpperCase(Locale.ROOT);
    }
    boolean number = "diuoxXfFeEgGaA".indexOf(kind) >= 0;
    boolean whole = "diuoxX".indexOf(kind) < 0 || precision < 0;
    pad(sign, body, width, flags, number && whole && !body.matches("(?i)inf|nan"));
  }

  private static String sign(boolean negative, String flags) {
    if (negative) {
      return "-";
    }
    return flags.contains("+") ? "+" : flags.contains(" ") ? " " : "";
  }

  private static String digits(String digits, int least) {
    return "0".repeat(Math.max(0, least - digits.length())) + digits;
  }

  private void pad(String sign, String body, int width, String flags, boolean zeros) {
    int missing = Math.max(0, Math.abs(width) - sign.length() - body.length());
    if (width < 0 || flags.contains("-")) {
      out.append(sign).append(body).repeat(' ', missing);
    } else if (zeros && flags.contains("0")) {
      out.append(sign).repeat('0', missing).append(body);
    } else {
      out.repeat(' ', missing).append(sign).append(body);
    }
  }

  private static String real(double value, char kind, int precision, String flags) {
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      return Double.isNaN(value) ? "nan" : "inf";
    }
    int digits = precision < 0 ? 6 : precision;
    return switch (kind) {
      case 'f' -> new BigDecimal(value).setScale(digits, RoundingMode.HALF_EVEN).toPlainString();
      case 'e' -> scientific(value, digits);
      case 'a' -> Double.toHexString(value).replace(".0p", "p");
      default -> shortest(value, Math.max(1, digits), flags.contains("#"));
    };
  }

  private static String scientific(double value, int digits) {
    return String.format(
        Locale.ROOT,
        "%." + digits + "e",
        new BigDecimal(value).round(new MathContext(digits + 1, RoundingMode.HALF_EVEN)));
  }

  /** %g: as many digits as are asked for, in the shorter of the two notations. */
  private static String shortest(double value, int digits, boolean keepZeros) {
    String scientific = scientific(value, digits - 1);
    int exponent = Integer.parseInt(scientific.substring(scientific.indexOf('e') + 1));
    boolean plain = exponent >= -4 && exponent < digits;
    String text =
        plain
            ? new BigDecimal(value)
                .setScale(digits - 1 - exponent, RoundingMode.HALF_EVEN)
                .toPlainString()
            : scientific;
    if (keepZeros || text.indexOf('.') < 0) {
      return text;
    }
    String mantissa = plain ? text : text.substring(0, text.indexOf('e'));
    String rest = text.substring(mantissa.length());
    return mantissa.replaceAll("\\.?0+$", "") + rest;
  }
}
