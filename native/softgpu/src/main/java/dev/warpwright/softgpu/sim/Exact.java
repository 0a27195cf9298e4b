package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Formats.Rounding;
import java.math.BigDecimal;

/**
 * Directed rounding of float and double operations: Java rounds to nearest, and the sign of the
 * exact error says which neighbour is wanted.
 */
final class Exact {
  private Exact() {}

  static double add(double a, double b, Rounding rounding) {
    double nearest = a + b;
    if (isSpecial(a, b, nearest, rounding)) {
      return nearest;
    }
    BigDecimal exact = new BigDecimal(a).add(new BigDecimal(b));
    return exact.signum() == 0 ? zero(a, b, nearest, rounding) : adjust(nearest, exact, rounding);
  }

  static double multiply(double a, double b, Rounding rounding) {
    double nearest = a * b;
    return isSpecial(a, b, nearest, rounding)
        ? nearest
        : adjust(nearest, new BigDecimal(a).multiply(new BigDecimal(b)), rounding);
  }

  static double fused(double a, double b, double c, Rounding rounding) {
    double nearest = Math.fma(a, b, c);
    if (isSpecial(a, b, nearest, rounding) || !Double.isFinite(c)) {
      return nearest;
    }
    BigDecimal exact = new BigDecimal(a).multiply(new BigDecimal(b)).add(new BigDecimal(c));
    return exact.signum() == 0
        ? zero(a * b, c, nearest, rounding)
        : adjust(nearest, exact, rounding);
  }

  static double divide(double a, double b, Rounding rounding) {
    double nearest = a / b;
    if (isSpecial(a, b, nearest, rounding) || b == 0) {
      return nearest;
    }
    if (Double.isInfinite(nearest)) {
      return step(nearest, nearest > 0 ? -1 : 1, rounding);
    }
    BigDecimal rest =
        new BigDecimal(a).subtract(new BigDecimal(nearest).multiply(new BigDecimal(b)));
    return step(nearest, b > 0 ? rest.signum() : -rest.signum(), rounding);
  }

  static double root(double a, Rounding rounding) {
    double nearest = Math.sqrt(a);
    if (rounding == Rounding.RN || !Double.isFinite(nearest) || a == 0) {
      return nearest;
    }
    BigDecimal root = new BigDecimal(nearest);
    return step(nearest, new BigDecimal(a).compareTo(root.multiply(root)), rounding);
  }

  static float add(float a, float b, Rounding rounding) {
    float nearest = a + b;
    if (isSpecial(a, b, nearest, rounding)) {
      return nearest;
    }
    BigDecimal exact = new BigDecimal(a).add(new BigDecimal(b));
    return exact.signum() == 0
        ? (float) zero(a, b, nearest, rounding)
        : adjust(nearest, exact, rounding);
  }

  static float multiply(float a, float b, Rounding rounding) {
    float nearest = a * b;
    return isSpecial(a, b, nearest, rounding)
        ? nearest
        : adjust(nearest, new BigDecimal(a).multiply(new BigDecimal(b)), rounding);
  }

  static float fused(float a, float b, float c, Rounding rounding) {
    float nearest = Math.fma(a, b, c);
    if (isSpecial(a, b, nearest, rounding) || !Float.isFinite(c)) {
      return nearest;
    }
    BigDecimal exact = new BigDecimal(a).multiply(new BigDecimal(b)).add(new BigDecimal(c));
    return exact.signum() == 0
        ? (float) zero((double) a * b, c, nearest, rounding)
        : adjust(nearest, exact, rounding);
  }

  static float divide(float a, float b, Rounding rounding) {
    float nearest = a / b;
    if (isSpecial(a, b, nearest, rounding) || b == 0) {
      return nearest;
    }
    if (Float.isInfinite(nearest)) {
      return step(nearest, nearest > 0 ? -1 : 1, rounding);
    }
    BigDecimal rest =
        new BigDecimal(a).subtract(new BigDecimal(nearest).multiply(new BigDecimal(b)));
    return step(nearest, b > 0 ? rest.signum() : -rest.signum(), rounding);
  }

  static float root(float a, Rounding rounding) {
    float nearest = (float) Math.sqrt(a);
    if (rounding == Rounding.RN || !Float.isFinite(nearest) || a == 0) {
      return nearest;
    }
    BigDecimal root = new BigDecimal(nearest);
    return step(nearest, new BigDecimal(a).compareTo(root.multiply(root)), rounding);
  }

  /** A double as a float. */
  static float narrow(double x, Rounding rounding) {
    float nearest = (float) x;
    if (rounding == Rounding.RN || !Double.isFinite(x)) {
      return nearest;
    }
    return step(nearest, Double.compare(x, nearest), rounding);
  }

  /** Infinite and undefined results need no rounding; finite operands with an infinite one do. */
  private static boolean isSpecial(double a, double b, double nearest, Rounding rounding) {
    return rounding == Rounding.RN
        || !Double.isFinite(a)
        || !Double.isFinite(b)
        || Double.isNaN(nearest);
  }

  /** An exact zero: the sum of two zeros of one sign keeps it, else it is negative only for RM. */
  private static double zero(double a, double b, double nearest, Rounding rounding) {
    if (a == 0 && b == 0 && 1 / a == 1 / b) {
      return nearest;
    }
    return rounding == Rounding.RM ? -0.0 : 0.0;
  }

  private static double adjust(double nearest, BigDecimal exact, Rounding rounding) {
    int error =
        Double.isInfinite(nearest)
            ? nearest > 0 ? -1 : 1
            : exact.compareTo(new BigDecimal(nearest));
    return step(nearest, error, rounding);
  }

  private static float adjust(float nearest, BigDecimal exact, Rounding rounding) {
    int error =
        Float.isInfinite(nearest) ? nearest > 0 ? -1 : 1 : exact.compareTo(new BigDecimal(nearest));
    return step(nearest, error, rounding);
  }

  /**
   * The wanted neighbour.
   *
   * @param error sign of exact minus nearest
   */
  private static double step(double nearest, int error, Rounding rounding) {
    return switch (direction(nearest, error, rounding)) {
      case 1 -> Math.nextUp(nearest);
      case -1 -> nearest == 0 ? -Double.MIN_VALUE : Math.nextDown(nearest);
      default -> nearest;
    };
  }

  private static float step(float nearest, int error, Rounding rounding) {
    return switch (direction(nearest, error, rounding)) {
      case 1 -> nearest == 0 ? Float.MIN_VALUE : Math.nextUp(nearest);
      case -1 -> nearest == 0 ? -Float.MIN_VALUE : Math.nextDown(nearest);
      default -> nearest;
    };
  }

  private static int direction(double nearest, int error, Rounding rounding) {
    return switch (rounding) {
      case RN, RNA -> 0;
      case RP -> Math.max(error, 0);
      case RM -> Math.min(error, 0);
      // Towards zero: only a nearest value that is too far out moves.
      case RZ -> nearest > 0 ? Math.min(error, 0) : nearest < 0 ? Math.max(error, 0) : 0;
    };
  }
}
