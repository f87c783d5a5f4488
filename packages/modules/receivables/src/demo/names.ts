import type { Random } from '@backoffice/platform';
import type { Region } from '../model.ts';
import { regionFacts } from './regions.ts';

// Names that are common in India; put together they mean no firm and no person in particular.
const houses = listOf(`
  Agarwal, Anand, Bansal, Bharadwaj, Bhosale, Chaudhary, Chauhan, Desai, Deshmukh, Gokhale, Gowda, Iyer,
  Jadhav, Jain, Joshi, Kapoor, Kulkarni, Mahajan, Malhotra, Mehta, Menon, Mishra, Naidu, Nair, Pandey,
  Patel, Patil, Pillai, Rajput, Rao, Rathore, Reddy, Sahoo, Saxena, Sethi, Shah, Sharma, Shetty, Sinha,
  Solanki, Thakur, Tiwari, Trivedi, Varma, Yadav`);

const fancies = listOf(`
  Aarav, Ambika, Annapurna, Ashirwad, Balaji, Bhavani, Chamunda, Dhanlaxmi, Durga, Ganesh, Gayatri,
  Himalaya, Indus, Jagdamba, Kaveri, Krishna, Lakshmi, Mahalaxmi, Mangalam, Maruti, Narmada, Navkar,
  Om Sai, Parvati, Pratap, Radhe, Sagar, Samruddhi, Saraswati, Shivshakti, Shree Ram, Siddhivinayak,
  Sri Venkateswara, Suvarna, Swastik, Tirupati, Trimurti, Vaishno, Vindhya`);

const trades = listOf(`
  Infra Projects, Constructions, Ready Mix, RMC Plants, Infrastructure, Builders & Developers,
  Concrete Solutions, Engineers & Contractors, Buildcon, Infratech, Realty, Road Projects,
  Concrete Pumping Services, Estates, Civil Works, Precast, Aggregates, Cement Products, Highways,
  Equipment Hirers`);

const forms = listOf('Pvt Ltd, Pvt Ltd, Pvt Ltd, Ltd, LLP, & Co, & Sons, Enterprises, Associates');
const formsAbroad = listOf('Pvt Ltd, Ltd, LLC');

const firstNames = listOf(`
  Aditi, Ajay, Amit, Anil, Anjali, Arjun, Asha, Deepak, Divya, Farhan, Gaurav, Harish, Imran, Ishaan,
  Kavita, Kiran, Lata, Manish, Meera, Mohan, Neha, Nikhil, Pooja, Pradeep, Priya, Rahul, Rajesh, Ravi,
  Rekha, Rohit, Sandeep, Sanjay, Shalini, Sneha, Suresh, Swati, Tanvi, Usha, Vijay, Vikram`);

/** A company name for a region's customer. Names may repeat; codes don't. */
export function companyName(random: Random, region: Region): string {
  const abroad = region === 'export';
  const city = random.pick(regionFacts[region].cities);
  const house = random.pick(random.chance(0.5) ? houses : fancies);
  const name = `${house} ${random.pick(trades)} ${random.pick(abroad ? formsAbroad : forms)}`;
  return abroad || random.chance(0.2) ? `${name}, ${city}` : name;
}

/**
 * The name of the demo person with that number: a different one for each of the first 360, and none is a
 * part of another, because the table of customers filters engineers by a part of their name.
 */
export function personName(index: number): string {
  // Forty first names against forty-five family names: walking both lists meets no pair twice until 360.
  return `${firstNames[index % firstNames.length]!} ${houses[(index * 7) % houses.length]!}`;
}

function listOf(text: string): string[] {
  return text.split(',').map((name) => name.trim());
}
