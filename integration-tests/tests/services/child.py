from base import Base


class Upper(Base):
    def transform(self, word):
        return word.upper()
